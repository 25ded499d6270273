"""Warehouse records as cases to learn from or to be measured on."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.errors import InvalidDicomError

from ai_engine.errors import InflatesTooFarError
from ai_engine.kinds.classifier.validated import ValidatedCase
from ai_engine.preprocessing.radiograph import Radiograph, read_radiograph
from dicom_node.archive.object_file import read_object
from dicom_node.domain.warehouse import LabelTruth, WarehouseImage, WarehouseRecord
from dicom_node.errors import NodeError

GONE = "the image's file is gone; send the study again to have it"


class LostImageError(NodeError):
    """The file of a validated image is gone or cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FiledCase:
    """A case with where it comes from: its record, its study, and its file.

    ``digest`` is of the file's bytes.
    """

    record_id: str
    study_instance_uid: str
    digest: str
    path: str
    case: ValidatedCase

    @property
    def key(self) -> tuple[str, str]:
        """Record and image: what names the case in a plan."""
        return self.record_id, self.case.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What the Warehouse has: every judged image of every record, oldest verdict first.

    ``left_out`` counts the images that cannot be used, by reason.
    """

    cases: tuple[FiledCase, ...]
    left_out: Counter[str] = field(default_factory=Counter)

    def newest(self) -> Mapping[str, FiledCase]:
        """Return the newest case of each image, by SOP Instance UID."""
        return {each.case.name: each for each in self.cases}


def collect(
    records: Iterator[WarehouseRecord],
    *,
    labels: Collection[str],
    path_of: Callable[[str], Path],
) -> Collected:
    """Return the images on which at least one of the model's labels was decided.

    Parameters
    ----------
    records
        The records, oldest verdict first.
    labels
        The labels that the model reports.
    path_of
        Where a filed image lies, by its path in the Warehouse.
    """
    cases: list[FiledCase] = []
    left_out: Counter[str] = Counter()
    for record in records:
        for image in record.images:
            truths = _truths(record, image, labels)
            if not truths:
                continue
            if image.is_missing or not path_of(image.path).is_file():
                left_out[f"{GONE} (record {record.record_id})"] += 1
                continue
            cases.append(_filed(record, image, truths))
    return Collected(cases=tuple(cases), left_out=left_out)


def reader(
    path_of: Callable[[str], Path], cases: Collection[FiledCase]
) -> Callable[[ValidatedCase], Radiograph]:
    """Return what reads the image of a case.

    The reader raises LostImageError for a file that is gone or is not the image that was judged.
    """
    places = {each.case.name: each for each in cases}

    def read(case: ValidatedCase) -> Radiograph:
        filed = places[case.name]
        try:
            return read_radiograph(read_object(path_of(filed.path)))
        except (InvalidDicomError, InflatesTooFarError, EOFError, OSError) as error:
            raise LostImageError(
                f"image {case.name} of Warehouse record {filed.record_id} cannot be read "
                f"({type(error).__name__}): restore {filed.path} in the Warehouse's folder, or "
                "start anew with --fresh to go on without it."
            ) from error

    return read


def _truths(
    record: WarehouseRecord, image: WarehouseImage, labels: Collection[str]
) -> dict[str, LabelTruth]:
    return {
        truth.label: truth
        for truth in record.truths
        if truth.sop_instance_uid == image.sop_instance_uid
        and truth.frame_number is None
        and truth.value is not None
        and truth.label in labels
    }


def _filed(
    record: WarehouseRecord, image: WarehouseImage, truths: Mapping[str, LabelTruth]
) -> FiledCase:
    return FiledCase(
        record_id=record.record_id,
        study_instance_uid=record.study_instance_uid,
        digest=image.digest,
        path=image.path,
        case=ValidatedCase(
            name=image.sop_instance_uid,
            device=record.device.device_id,
            patient=record.patient_key,
            truths={label: bool(truth.value) for label, truth in truths.items()},
            weights={label: truth.weight for label, truth in truths.items()},
        ),
    )
