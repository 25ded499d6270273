"""What an export reads: records, their image files and their reports."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from dicom_node.domain.warehouse import WarehouseImage, WarehouseRecord
from dicom_node.errors import NodeError
from dicom_node.export.deidentify import deidentified
from dicom_node.export.pseudonyms import Pseudonyms


class UnreadableImageError(NodeError):
    """An image of a record that is gone or cannot be read."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExportedImage:
    """A de-identified image with the record it belongs to; ``original_uid`` names it there."""

    record: WarehouseRecord
    original_uid: str
    dataset: Dataset

    @property
    def uid(self) -> str:
        """Its SOP Instance UID in the export."""
        return str(self.dataset.SOPInstanceUID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the objects of records are; ``report`` is None where a record has none any more."""

    image: Callable[[WarehouseImage], Path]
    report: Callable[[WarehouseRecord], Path | None]
    pseudonyms: Pseudonyms

    def images(
        self, record: WarehouseRecord, skipped: Callable[[WarehouseImage, str], None]
    ) -> Iterator[ExportedImage]:
        """Yield a record's images de-identified; one that cannot be is passed to ``skipped``."""
        for image in record.images:
            try:
                dataset = self.deidentified(self._path(image), record)
            except NodeError as error:
                skipped(image, str(error))
                continue
            yield ExportedImage(record=record, original_uid=image.sop_instance_uid, dataset=dataset)

    def deidentified(self, path: Path, record: WarehouseRecord) -> Dataset:
        """Read an object of a record and de-identify it.

        Raises
        ------
        NodeError
            If it is gone, cannot be read, or cannot be de-identified.
        """
        with warnings.catch_warnings():
            # What pydicom says of invalid values quotes them, and they are the patient's.
            warnings.simplefilter("ignore")
            return deidentified(
                read_object(path), patient_key=record.patient_key, pseudonyms=self.pseudonyms
            )

    def _path(self, image: WarehouseImage) -> Path:
        if image.is_missing:
            raise UnreadableImageError("the file was gone when the record was filed")
        return self.image(image)


def read_object(path: Path) -> Dataset:
    """Read a Part 10 file.

    Raises
    ------
    UnreadableImageError
        If it is gone or no DICOM object.
    """
    try:
        return dcmread(path)
    except FileNotFoundError as error:
        raise UnreadableImageError("the file is gone") from error
    except (InvalidDicomError, OSError) as error:
        raise UnreadableImageError(f"the file cannot be read ({type(error).__name__})") from error
