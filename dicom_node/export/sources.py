"""What an export reads: records, their image files and their reports."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from ai_engine.errors import InflatesTooFarError
from dicom_node.archive.object_file import read_object as read_part10
from dicom_node.domain.warehouse import WarehouseImage, WarehouseRecord
from dicom_node.errors import NodeError
from dicom_node.export.deidentify import deidentified
from dicom_node.export.pseudonyms import Pseudonyms
from dicom_node.export.validated_images import ValidatedImage


class UnreadableImageError(NodeError):
    """An image of a record that is gone or cannot be read."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ExportedImage:
    """A de-identified image with what was decided about it."""

    validated: ValidatedImage
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
        self, validated: Iterable[ValidatedImage], skipped: Callable[[str], None]
    ) -> Iterator[ExportedImage]:
        """Yield images de-identified; of one that cannot be, ``skipped`` is told the reason."""
        for each in validated:
            try:
                dataset = self.deidentified(self._path(each.image), each.patient_key)
            except NodeError as error:
                skipped(str(error))
                continue
            yield ExportedImage(validated=each, dataset=dataset)

    def deidentified(self, path: Path, patient_key: str) -> Dataset:
        """Read an object of a patient and de-identify it.

        Raises
        ------
        NodeError
            If it is gone, cannot be read, or cannot be de-identified.
        """
        with warnings.catch_warnings():
            # What pydicom says of invalid values quotes them, and they are the patient's.
            warnings.simplefilter("ignore")
            return deidentified(
                read_object(path), patient_key=patient_key, pseudonyms=self.pseudonyms
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
        return read_part10(path)
    except FileNotFoundError as error:
        raise UnreadableImageError("the file is gone") from error
    except (InvalidDicomError, InflatesTooFarError, OSError) as error:
        raise UnreadableImageError(f"the file cannot be read ({type(error).__name__})") from error
