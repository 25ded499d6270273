"""What a model says, as rows of the Hotbase."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from ai_engine.ct.prediction import CtPrediction, SeriesRefusal
from ai_engine.ct.results import CtAnalysis
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.prediction import Prediction, Remark, RemarkKind
from ai_engine.result import Result
from dicom_node.domain.evidence import EvidenceSet, MadeObjects
from dicom_node.domain.review.review import UnanalysedImage
from dicom_node.persistence.corridor.tables import (
    EVIDENCE,
    FINDINGS,
    IS_HELD,
    JOBS,
    MEASUREMENTS,
    REFUSALS,
    REMARKS,
)
from sr_templates.evidence_kind import EvidenceKind

Rows = Sequence[Mapping[str, Any]]


def result_rows(job_id: str, prediction: Result) -> Mapping[sa.Table, Rows]:
    """Return the rows of a job's result, by table."""
    remarks = [
        {"job_id": job_id, **asdict(each), "kind": each.kind.value} for each in prediction.remarks
    ]
    return {REMARKS: remarks, **_said(job_id, prediction)}


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


def remarks_of(connection: sa.Connection, job_id: str) -> tuple[Remark, ...]:
    """Return how a job's result came about: by image, what disagrees before the rest."""
    query = sa.select(REMARKS).where(REMARKS.c.job_id == job_id)
    order = list(RemarkKind)
    found = (
        Remark(
            kind=RemarkKind(row["kind"]),
            sop_instance_uid=row["sop_instance_uid"],
            detail=row["detail"],
        )
        for row in connection.execute(query).mappings()
    )
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), each.sop_instance_uid)))


def refusals_of(connection: sa.Connection, job_id: str) -> tuple[UnanalysedImage, ...]:
    """Return which of a job's images were not analysed, and why."""
    query = sa.select(REFUSALS).where(REFUSALS.c.job_id == job_id)
    return tuple(
        UnanalysedImage(
            sop_instance_uid=row["sop_instance_uid"], reason=row["reason"], detail=row["detail"]
        )
        for row in connection.execute(query.order_by(REFUSALS.c.sop_instance_uid)).mappings()
    )


def disagreeing(connection: sa.Connection, job_ids: Collection[str]) -> frozenset[str]:
    """Return which of these jobs have an image whose header and pixels disagree."""
    query = sa.select(REMARKS.c.job_id).where(
        REMARKS.c.job_id.in_(job_ids),
        REMARKS.c.kind.in_([each.value for each in RemarkKind if each.is_disagreement]),
    )
    return frozenset(connection.scalars(query))


def made_of(connection: sa.Connection, study_instance_uid: str) -> tuple[MadeObjects, ...]:
    """Return what models have made of a study, by model and kind, without what is held back.

    Of a model's jobs on one study only the last one counts: its objects take the others' place.
    """
    query = (
        sa.select(JOBS.c.job_id, JOBS.c.model_name, JOBS.c.model_version, EVIDENCE.c.kind)
        .join(EVIDENCE, EVIDENCE.c.job_id == JOBS.c.job_id)
        .where(
            JOBS.c.study_instance_uid == study_instance_uid,
            EVIDENCE.c.evidence_set == EvidenceSet.RESULT.value,
            sa.not_(IS_HELD),
        )
        .order_by(JOBS.c.created_at, EVIDENCE.c.kind)
    )
    found = connection.execute(query).all()
    last = {row.model_name: row.job_id for row in found}
    counted = Counter(
        (row.model_name, row.model_version, EvidenceKind(row.kind))
        for row in found
        if last[row.model_name] == row.job_id
    )
    return tuple(
        MadeObjects(model_name=name, model_version=version, kind=kind, count=count)
        for (name, version, kind), count in counted.items()
    )


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
