"""Review items, findings and verdicts as rows, and back."""

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from ai_engine.prediction import Code, HeatMap, ModelIdentity, Region
from dicom_node.domain.device import Device
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    Priority,
    ReviewItem,
    ReviewState,
    Verdict,
)

AGE_BITS = 42
_VERDICT = TypeAdapter(Verdict)
_CT = TypeAdapter(CtUnderReview)
# Maps larger than this (a feature grid is some hundred values) are thinned before they are kept.
_MAP_SIDE = 64


def order_keys(item: ReviewItem) -> dict[str, int]:
    """Return an item's place in each order, as one integer that rises.

    The lower 42 bits are milliseconds since 1970 (which last until 2109), the upper ones what goes
    before age: the rank, or how certain the model is on a scale of a million.
    """
    age = int(item.received_at.timestamp() * 1000)
    return {
        "triage_key": item.rank << AGE_BITS | age,
        "age_key": age,
        "certainty_key": round((1 - item.told_uncertainty) * 1_000_000) << AGE_BITS | age,
    }


def item_row(item: ReviewItem) -> dict[str, Any]:
    """Return the row of an item."""
    return {
        "item_id": item.item_id,
        "study_instance_uid": item.study_instance_uid,
        "device_id": item.device.device_id,
        "calling_ae": item.device.calling_ae,
        "manufacturer": item.device.manufacturer,
        "device_model": item.device.model_name,
        "serial_number": item.device.serial_number,
        "modality": item.modality,
        "body_part": item.body_part,
        "route": item.route,
        "model_name": item.model.name,
        "model_version": item.model.version,
        "weights_digest": item.model.weights_digest,
        "model_title": item.model.title,
        "model_manufacturer": item.model.manufacturer,
        "research_only": item.model.research_only,
        "calibration": item.calibration,
        "received_at": item.received_at,
        "created_at": item.created_at,
        "priority": int(item.priority),
        "uncertainty": item.uncertainty,
        "abnormality": item.abnormality,
        **order_keys(item),
        "positive_labels": list(item.positive_labels),
        "leading_label": item.leading_label,
        "image_count": item.image_count,
        "reads_first": item.reads_first,
        **state_values(item),
    }


def state_values(item: ReviewItem) -> dict[str, Any]:
    """Return the columns that reviewing changes."""
    return {
        "readers": item.readers,
        "readings": item.readings,
        "disputed": item.disputed,
        "state": item.state.value,
        "is_open": item.is_open,
        "holder": item.holder,
        "claimed_until": item.claimed_until,
        "decided_at": item.decided_at,
        "decided_by": list(item.decided_by),
        "superseded_by": item.superseded_by,
        "version": item.version,
        "reopened": item.reopened,
    }


def item_of(row: sa.RowMapping) -> ReviewItem:
    """Return the item of a row."""
    return ReviewItem(
        item_id=row["item_id"],
        study_instance_uid=row["study_instance_uid"],
        device=Device(
            calling_ae=row["calling_ae"],
            manufacturer=row["manufacturer"],
            model_name=row["device_model"],
            serial_number=row["serial_number"],
        ),
        modality=row["modality"],
        body_part=row["body_part"],
        route=row["route"],
        model=ModelIdentity(
            name=row["model_name"],
            version=row["model_version"],
            weights_digest=row["weights_digest"],
            title=row["model_title"],
            manufacturer=row["model_manufacturer"],
            research_only=row["research_only"],
        ),
        calibration=row["calibration"],
        received_at=row["received_at"],
        created_at=row["created_at"],
        priority=Priority(row["priority"]),
        uncertainty=row["uncertainty"],
        abnormality=row["abnormality"],
        positive_labels=tuple(row["positive_labels"]),
        leading_label=row["leading_label"],
        image_count=row["image_count"],
        reads_first=row["reads_first"],
        readers=row["readers"],
        readings=row["readings"],
        disputed=row["disputed"],
        state=ReviewState(row["state"]),
        holder=row["holder"],
        claimed_until=row["claimed_until"],
        decided_at=row["decided_at"],
        decided_by=tuple(row["decided_by"]),
        superseded_by=row["superseded_by"],
        version=row["version"],
        reopened=row["reopened"],
    )


def finding_row(item_id: str, position: int, finding: FindingUnderReview) -> dict[str, Any]:
    """Return the row of an item's ``position``-th finding."""
    values, place = _thinned(finding.heat_map)
    return {
        "item_id": item_id,
        "position": position,
        "image_uid": finding.image_uid,
        "frame_number": finding.frame_number,
        "label": finding.label,
        "title": finding.title,
        "code": asdict(finding.code),
        "site": asdict(finding.site) if finding.site else None,
        "probability": finding.probability,
        "threshold": finding.threshold,
        "score": finding.score,
        "boxes": [asdict(box) for box in finding.boxes],
        "heat_map": values,
        "heat_map_place": place,
    }


def finding_of(row: sa.RowMapping) -> FindingUnderReview:
    """Return the finding of a row."""
    return FindingUnderReview(
        image_uid=row["image_uid"],
        label=row["label"],
        title=row["title"],
        code=Code(**row["code"]),
        site=Code(**row["site"]) if row["site"] else None,
        probability=row["probability"],
        threshold=row["threshold"],
        frame_number=row["frame_number"],
        score=row["score"],
        boxes=tuple(Region(**box) for box in row["boxes"]),
        heat_map=_heat_map(row["heat_map"], row["heat_map_place"]),
    )


def verdict_json(verdict: Verdict) -> Any:
    """Return a verdict as JSON."""
    return _VERDICT.dump_python(verdict, mode="json")


def verdict_of(stored: Any) -> Verdict:
    """Return the verdict that JSON holds."""
    return _VERDICT.validate_python(stored)


def ct_json(ct: CtUnderReview) -> Any:
    """Return a CT's figures as JSON."""
    return _CT.dump_python(ct, mode="json")


def ct_of(stored: Any) -> CtUnderReview:
    """Return the figures that JSON holds."""
    return _CT.validate_python(stored)


def _thinned(heat_map: HeatMap | None) -> tuple[bytes | None, dict[str, Any] | None]:
    if heat_map is None:
        return None, None
    import numpy as np  # noqa: PLC0415 - whoever lists items waits for no numbers

    step = max(1, -(-max(heat_map.values.shape) // _MAP_SIDE))
    values = np.nan_to_num(heat_map.values[::step, ::step]).clip(0, 1)
    place = {**asdict(heat_map.region), "rows": values.shape[0], "columns": values.shape[1]}
    return np.rint(values * 255).astype(np.uint8).tobytes(), place


def _heat_map(values: bytes | None, place: dict[str, Any] | None) -> HeatMap | None:
    if values is None or place is None:
        return None
    import numpy as np  # noqa: PLC0415 - as above

    edges = {edge: place[edge] for edge in ("left", "top", "right", "bottom")}
    shape = (place["rows"], place["columns"])
    grid = np.frombuffer(values, np.uint8).reshape(shape).astype(np.float32) / np.float32(255)
    return HeatMap(values=grid, region=Region(**edges))
