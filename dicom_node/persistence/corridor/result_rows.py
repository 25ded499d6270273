"""What a model says, as rows of the Hotbase."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from ai_engine.ct.prediction import CtPrediction, SeriesRefusal
from ai_engine.ct.results import CtAnalysis
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.prediction import Prediction, Remark
from ai_engine.result import Result
from dicom_node.persistence.corridor.remark_rows import joined
from dicom_node.persistence.corridor.tables import (
    FINDINGS,
    MEASUREMENTS,
    REFUSALS,
    REMARKS,
)

Rows = Sequence[Mapping[str, Any]]


def result_rows(job_id: str, prediction: Result) -> Mapping[sa.Table, Rows]:
    """Return the rows of a job's result, by table."""
    return {REMARKS: list(_remarks(job_id, prediction.remarks)), **_said(job_id, prediction)}


def _remarks(job_id: str, remarks: Sequence[Remark]) -> Iterator[dict[str, Any]]:
    """Yield a row for each image and kind, which are the key: it holds all that is said so."""
    said: dict[tuple[str, str], list[str]] = {}
    for each in remarks:
        said.setdefault((each.sop_instance_uid, each.kind.value), []).append(each.detail)
    for (uid, kind), details in said.items():
        row = {"job_id": job_id, "sop_instance_uid": uid, "kind": kind}
        yield {**row, "detail": joined(details)}


def _said(job_id: str, prediction: Result) -> Mapping[sa.Table, Rows]:
    match prediction:
        case Prediction():
            return {
                FINDINGS: list(_findings(job_id, prediction)),
                REFUSALS: [{"job_id": job_id, **asdict(each)} for each in prediction.refusals],
            }
        case BonePrediction():
            return {REFUSALS: [{"job_id": job_id, **asdict(each)} for each in prediction.refusals]}
        case CtPrediction(analysis=analysis):
            measured = [] if analysis is None else list(_measurements(job_id, analysis))
            return {
                MEASUREMENTS: measured,
                REFUSALS: [_series_refusal(job_id, each) for each in prediction.refusals],
            }


def _findings(job_id: str, prediction: Prediction) -> Iterator[dict[str, Any]]:
    for image in prediction.images:
        for finding in image.findings:
            yield {
                "job_id": job_id,
                "sop_instance_uid": image.sop_instance_uid,
                "label": finding.label,
                "probability": finding.probability,
                "threshold": finding.threshold,
            }


def _measurements(job_id: str, analysis: CtAnalysis) -> Iterator[dict[str, Any]]:
    for lung in analysis.measurements:
        named = {
            ("volume", "ml"): lung.volume_ml,
            ("inhomogeneity", "%"): lung.percentage,
            ("high attenuation", "%"): lung.high_attenuation_percentage,
            ("mean attenuation", "HU"): lung.mean_hounsfield,
            ("severity", "grade"): None if lung.severity is None else lung.severity.grade,
        }
        for (name, unit), value in named.items():
            if value is not None:
                yield _measurement(job_id, name, lung.side.value, value, unit)
    for row in analysis.patterns:
        yield _measurement(job_id, row.pattern.value, row.side.value, row.percentage, "%")


def _measurement(job_id: str, name: str, site: str, value: float, unit: str) -> dict[str, Any]:
    return {"job_id": job_id, "name": name, "site": site, "value": float(value), "unit": unit}


def _series_refusal(job_id: str, refusal: SeriesRefusal) -> dict[str, Any]:
    """A series is refused as a whole; the row names the first of its images."""
    return {
        "job_id": job_id,
        "sop_instance_uid": refusal.sop_instance_uids[0],
        "reason": refusal.reason.value,
        "detail": f"{len(refusal.sop_instance_uids)} images: {refusal.detail}",
    }
