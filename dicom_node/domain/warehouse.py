"""The Warehouse: what experts have validated, filed by device (paper 1, section V).

A record is one decided review item with its lineage: the images, the AI's report, the model, the
verifying object, who, when, and what changed. Calibration, drift, fine-tuning and export read it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ai_engine.prediction import ModelIdentity, Region
from dicom_node.domain.device import Device
from dicom_node.domain.review.review import FindingConcept, Judgement, Laterality, Reviewer


class TruthSource(StrEnum):
    """Where the truth of a label comes from; sample weights go by it."""

    EXPERT = "expert"  # somebody said so
    PASSED_OVER = "passed over"  # the model denied it, and the expert did not object
    CONSENSUS = "consensus"  # two readers said the same
    ADJUDICATION = "adjudication"  # a third reader decided between two
    EXTERNAL = "outside"  # a verified report of another workstation


SOURCE_WEIGHTS: dict[TruthSource, float] = {
    TruthSource.EXPERT: 1.0,
    TruthSource.PASSED_OVER: 0.8,
    TruthSource.CONSENSUS: 1.2,
    TruthSource.ADJUDICATION: 1.2,
    TruthSource.EXTERNAL: 0.9,
}


class Verification(StrEnum):
    """What the verdict became as a DICOM object."""

    VERIFIED = "verified"  # a VERIFIED successor report
    ATTESTED = "attested"  # a successor by somebody who may not verify
    REJECTED = "rejected"  # a key object selection that rejects the whole result
    EXTERNAL = "outside"  # a report that another workstation made


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseImage:
    """An image of a record.

    ``path`` is below the Warehouse's folder, under the device's name; empty where the file was
    gone when the record was filed, and ``archived_path`` says where it had been received.
    """

    sop_instance_uid: str
    series_instance_uid: str
    path: str
    archived_path: str
    digest: str
    modality: str = ""
    view_position: str = ""

    @property
    def is_missing(self) -> bool:
        """Whether the file was gone when the record was filed."""
        return not self.path


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelTruth:
    """Whether a label holds for an image, beside what the model had said.

    ``value`` None: the expert could not tell. ``probability`` is as predicted (calibrated as the
    record's ``calibration`` says), ``score`` before that, ``threshold`` as applied; all None for a
    label that the model did not judge on this image. ``judgement`` None: passed over.
    """

    record_id: str
    device_id: str
    model_name: str
    model_version: str
    weights_digest: str
    patient_key: str
    sop_instance_uid: str
    frame_number: int | None
    label: str
    value: bool | None
    source: TruthSource
    weight: float
    decided_at: datetime
    probability: float | None = None
    threshold: float | None = None
    score: float | None = None
    judgement: Judgement | None = None

    @property
    def predicted(self) -> bool | None:
        """What the model had said."""
        if self.probability is None or self.threshold is None:
            return None
        return self.probability >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledBox:
    """Where a finding is that an expert confirmed or drew, in the image's pixel coordinates.

    ``drawn`` tells a box that the expert drew from one that encloses the model's outline.
    """

    record_id: str
    sop_instance_uid: str
    frame_number: int | None
    label: str
    box: Region
    drawn: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between the AI's report and the expert's: its value, and theirs."""

    image_uid: str
    frame_number: int | None
    label: str
    judgement: Judgement
    by_model: str
    by_expert: str
    changed_to: str = ""
    laterality: Laterality | None = None
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureTruth:
    """A figure of a CT: the model's and the expert's; None where there is none or it can't be told.

    ``of`` is a lung or a pattern, ``name`` what is measured of it: its share in per cent, its grade
    (1 to 5), or whether it is present (1 or 0).
    """

    of: str
    name: str
    by_model: float | None
    by_expert: float | None
    judgement: Judgement
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseRecord:
    """One decided item; ``record_id`` is the item's (and the job's) identifier.

    ``patient_key`` is a digest that is the same for all studies of a patient, for patient-wise
    splits; it is not a pseudonym to publish. ``verdict_object_uid`` is the verifying SR, or the
    key object selection that rejects the result. ``figures`` are a CT's, which has no truths.
    """

    record_id: str
    study_instance_uid: str
    device: Device
    patient_key: str
    modality: str
    body_part: str
    route: str
    model: ModelIdentity
    calibration: str
    ai_report_uid: str
    verdict_object_uid: str
    verification: Verification
    reviewers: tuple[Reviewer, ...]
    decided_at: datetime
    filed_at: datetime
    images: tuple[WarehouseImage, ...]
    truths: tuple[LabelTruth, ...]
    boxes: tuple[LabelledBox, ...] = ()
    changes: tuple[Change, ...] = ()
    concepts: tuple[FindingConcept, ...] = ()
    figures: tuple[FigureTruth, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCount:
    """How many images of a device have a label, do not have it, or cannot be told."""

    device_id: str
    label: str
    positive: int
    negative: int
    unsure: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseFilter:
    """Which records or truths to read; what is empty or None holds for all."""

    device_id: str = ""
    model_name: str = ""
    model_version: str = ""
    label: str = ""
    decided_from: datetime | None = None
    decided_until: datetime | None = None


ALL_RECORDS = WarehouseFilter()


def as_said(truths: Iterable[LabelTruth]) -> tuple[LabelTruth, ...]:
    """Return the truths of one record, with one for each label of an image.

    Records of earlier versions may have two: what an expert added to an image without frames was
    filed for its "frame 1", and the image as a whole as "passed over". What the expert said holds,
    and the model's probability belongs to it. Records are never rewritten, so they are read so.
    """
    found = tuple(truths)
    whole = _judged_whole(found)
    said: dict[tuple[str, int | None, str], LabelTruth] = {}
    for each in found:
        frame = None if each.sop_instance_uid in whole else each.frame_number
        place = (each.sop_instance_uid, frame, each.label)
        # What the model judged is filed first, and what an expert added to it after that.
        judged = said.get(place, each)
        if judged is each and frame == each.frame_number:
            said[place] = each  # as nearly all are: a copy of each costs most of a reading
            continue
        said[place] = replace(
            each,
            frame_number=frame,
            probability=judged.probability,
            threshold=judged.threshold,
            score=judged.score,
        )
    return tuple(said.values())


def as_reviewed(record: WarehouseRecord) -> WarehouseRecord:
    """Return a record with truths as by ``as_said``, and its boxes in the same places."""
    whole = _judged_whole(record.truths)
    return replace(
        record,
        truths=as_said(record.truths),
        boxes=tuple(
            replace(each, frame_number=None) if each.sop_instance_uid in whole else each
            for each in record.boxes
        ),
    )


def newest(truths: Iterable[LabelTruth]) -> tuple[LabelTruth, ...]:
    """Return the last word on each label of each image, of truths that come oldest first.

    An image is decided again where a late one leads to a new result of its study; counted twice,
    it would weigh double, and against itself where the experts differ.
    """
    last: dict[tuple[str, int | None, str], LabelTruth] = {}
    for each in truths:
        place = (each.sop_instance_uid, each.frame_number, each.label)
        last.pop(place, None)
        last[place] = each
    return tuple(last.values())


def counted(truths: Iterable[LabelTruth]) -> tuple[LabelCount, ...]:
    """Count the last words on each device's images, by device and label."""
    by_device: dict[str, list[LabelTruth]] = defaultdict(list)
    for each in truths:
        by_device[each.device_id].append(each)
    values: dict[tuple[str, str], list[bool | None]] = defaultdict(list)
    for device_id, of_device in by_device.items():
        for each in newest(of_device):
            values[device_id, each.label].append(each.value)
    return tuple(
        LabelCount(
            device_id=device_id,
            label=label,
            positive=found.count(True),
            negative=found.count(False),
            unsure=found.count(None),
        )
        for (device_id, label), found in sorted(values.items())
    )


def _judged_whole(truths: Iterable[LabelTruth]) -> frozenset[str]:
    """Return the images that the model judged as a whole, not frame by frame."""
    judged = {
        (each.sop_instance_uid, each.frame_number is None)
        for each in truths
        if each.probability is not None
    }
    return frozenset(uid for uid, is_whole in judged if is_whole and (uid, False) not in judged)


class Warehouse(Protocol):
    """The store of validated data."""

    def file(self, record: WarehouseRecord) -> None:
        """Keep a record; filing the same one again changes nothing.

        A record of the same item that was decided earlier is superseded by it.
        """
        ...

    def supersede(
        self, record_id: str, *, decided_until: datetime, by: str, why: str, at: datetime
    ) -> None:
        """Let nobody learn any more from a record of a verdict that was taken back.

        It is kept aside, with who took it back and why. A record of the item that was decided later
        stays; doing it again changes nothing.
        """
        ...

    def record(self, record_id: str) -> WarehouseRecord:
        """Return one record; raises NotFoundError for one that is unknown."""
        ...

    def records(self, wanted: WarehouseFilter = ALL_RECORDS) -> Iterator[WarehouseRecord]:
        """Yield records, oldest verdict first; ``label`` is not looked at."""
        ...

    def truths(self, wanted: WarehouseFilter = ALL_RECORDS) -> Iterator[LabelTruth]:
        """Yield label truths, oldest verdict first, those that cannot be told among them."""
        ...

    def devices(self) -> Mapping[str, Device]:
        """Return the devices that have records, by identifier."""
        ...

    def counts(self) -> tuple[LabelCount, ...]:
        """Return the counts by device and label, in that order."""
        ...
