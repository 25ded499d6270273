"""Makes validated cases for tests: a Warehouse and observations of one device after another."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ImageQuality
from dicom_node.domain.device import Device
from dicom_node.domain.observation import Observation
from dicom_node.domain.review.review import Reviewer, ReviewerRole
from dicom_node.domain.warehouse import (
    LabelTruth,
    TruthSource,
    Verification,
    WarehouseImage,
    WarehouseRecord,
)
from dicom_node.workflow.testing.review_fakes import FakeWarehouse
from tests.unit.builders import EPOCH

CARD: ModelCard = chest_card(Path())
LABEL = CARD.labels[0].name
READER = Reviewer(
    user_name="reader",
    person_name="Reader^Test",
    organisation="Test",
    role=ReviewerRole.VERIFIER,
)


@dataclass(slots=True)
class Validated:
    """Records in a Warehouse, and the observations that they were made from."""

    warehouse: FakeWarehouse = field(default_factory=FakeWarehouse)
    observations: list[Observation] = field(default_factory=list)

    def add(
        self,
        device: Device,
        *,
        score: float,
        truth: bool | None,
        threshold: float = 0.5,
        at: datetime = EPOCH,
        quality: ImageQuality | None = None,
        with_score: bool = True,
    ) -> None:
        """File one decided image; ``score`` is what the model had said."""
        number = len(self.observations)
        record_id, uid = f"{number:032d}", f"1.2.{number}"
        self.observations.append(
            Observation(
                job_id=record_id,
                sop_instance_uid=uid,
                frame_number=None,
                device_id=device.device_id,
                model_name=CARD.name,
                weights_digest=CARD.weights_digest,
                observed_at=at,
                quality=quality,
                scores={LABEL: score} if with_score else {},
            )
        )
        self.warehouse.file(
            _record(device, record_id, uid, truth, (score, threshold, with_score), at)
        )

    def again(self, number: int, *, truth: bool | None, at: datetime = EPOCH) -> None:
        """Decide an image that was filed once more, as the item of a late image's job would."""
        first = self.warehouse.record(f"{number:032d}")
        record_id = f"again-{number:026d}"
        truths = (
            replace(each, record_id=record_id, value=truth, decided_at=at) for each in first.truths
        )
        self.warehouse.file(
            replace(first, record_id=record_id, decided_at=at, filed_at=at, truths=tuple(truths))
        )


def cases_of(
    device: Device,
    validated: Validated,
    count: int,
    *,
    shift: float,
    seed: int,
    start: datetime = EPOCH,
) -> None:
    """File cases whose true log odds are twice the score's, plus a shift."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 2, count)
    truth = rng.random(count) < 1 / (1 + np.exp(-(2 * odds + shift)))
    for index in range(count):
        validated.add(
            device,
            score=float(1 / (1 + np.exp(-odds[index]))),
            truth=bool(truth[index]),
            at=start + timedelta(hours=index),
        )


def _record(  # noqa: PLR0917
    device: Device,
    record_id: str,
    uid: str,
    truth: bool | None,
    said: tuple[float, float, bool],
    at: datetime,
) -> WarehouseRecord:
    model, (score, threshold, with_score) = CARD.identity, said
    return WarehouseRecord(
        record_id=record_id,
        study_instance_uid=f"{uid}.1",
        device=device,
        patient_key=f"patient {record_id}",
        modality="DX",
        body_part="CHEST",
        route="chest",
        model=model,
        calibration="model default",
        ai_report_uid=f"{uid}.2",
        verdict_object_uid=f"{uid}.3",
        verification=Verification.VERIFIED,
        reviewers=(READER,),
        decided_at=at,
        filed_at=at,
        images=(
            WarehouseImage(
                sop_instance_uid=uid,
                series_instance_uid=f"{uid}.4",
                path=f"{device.device_id}/{uid}.dcm",
                archived_path=f"{uid}.dcm",
                digest="0" * 64,
                modality="DX",
                view_position="PA",
            ),
        ),
        truths=(
            LabelTruth(
                record_id=record_id,
                device_id=device.device_id,
                model_name=model.name,
                model_version=model.version,
                weights_digest=model.weights_digest,
                patient_key=f"patient {record_id}",
                sop_instance_uid=uid,
                frame_number=None,
                label=LABEL,
                value=truth,
                source=TruthSource.EXPERT,
                weight=1.0,
                decided_at=at,
                probability=score,
                threshold=threshold,
                score=score if with_score else None,
            ),
        ),
    )
