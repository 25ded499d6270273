"""What was received and what was made of it, read and written as data sets."""

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Protocol

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from ai_engine.errors import InflatesTooFarError
from ai_engine.preprocessing.decoding import DECODING_ERRORS
from dicom_node.archive.elements import inflate
from dicom_node.archive.object_file import mended_elements, read_object
from dicom_node.archive.part10 import decode_head, encode_head
from dicom_node.archive.readable import readable
from dicom_node.archive.reading import read_instance
from dicom_node.archive.storage import StorageArchive
from dicom_node.domain.mended import MendedElements
from dicom_node.domain.reception import ArchiveAwayError
from dicom_node.query.json_model import from_json


class _Clock(Protocol):
    def __call__(self) -> datetime: ...


class DicomObjects:
    """Two archives side by side: one of received objects, one of evidence.

    They are apart because the index is rebuilt from everything in the first.
    """

    def __init__(
        self,
        *,
        received: StorageArchive,
        evidence: StorageArchive,
        ae_title: str,
        clock: _Clock,
        amended: Callable[[Dataset], Dataset] = lambda header: header,
    ) -> None:
        """Open neither; ``amended`` adds to received headers what is known beside them."""
        self._amended = amended
        self._received = received
        self._evidence = evidence
        self._ae_title = ae_title
        self._clock = clock

    def source_path(self, path: str) -> Path:
        """Return where a received object lies.

        Raises
        ------
        ArchiveAwayError
            It cannot be looked for, or is not there, and neither is the archive: its share is not
            mounted, say.
        """
        found = self._received.path(path)
        try:
            is_there = found.exists()
        except OSError as error:  # a share whose server is away, say
            raise ArchiveAwayError(f"the archive cannot be reached: {error.strerror}") from error
        if not is_there:
            self._received.require_here()
        return found

    def evidence_path(self, path: str) -> Path:
        """Return where a result object lies."""
        return self._evidence.path(path)

    def source(self, path: str) -> Dataset:
        """Return a received object's data set without its pixel data, even if that is damaged.

        Where pydicom cannot read it, what the index would know of it stands for it.
        """
        return self._amended(self._source(path))

    def _source(self, path: str) -> Dataset:
        try:
            return read_object(self.source_path(path), stop_before_pixels=True)
        except (zlib.error, InflatesTooFarError):
            return _beginning(self.source_path(path))
        except OSError:
            raise
        except DECODING_ERRORS:
            return self.summarised(path)

    def summarised(self, path: str) -> Dataset:
        """Return what queries may ask for of a received object, and the UIDs that name it."""
        found = read_instance(self._received, path)
        dataset = Dataset()
        if (known := found.attributes) is not None:
            for level in (known.study, known.series, known.instance):
                dataset.update(from_json(json.loads(level)))
        dataset.SpecificCharacterSet = "ISO_IR 192"
        dataset.SOPClassUID = found.sop_class_uid
        dataset.SOPInstanceUID = found.sop_instance_uid
        dataset.StudyInstanceUID = found.study_instance_uid
        dataset.SeriesInstanceUID = found.series_instance_uid
        return dataset

    def mended(self, path: str) -> MendedElements:
        """Return which elements of a received object were not read as they state."""
        return mended_elements(self.source_path(path))

    def evidence(self, path: str) -> Dataset:
        """Return a result object's data set without its pixel data."""
        return dcmread(self.evidence_path(path), stop_before_pixels=True)

    def whole_evidence(self, path: str) -> Dataset:
        """Return a result object's data set with everything in it."""
        return dcmread(self.evidence_path(path))

    def keep(self, dataset: Dataset) -> str:
        """Store a result object durably as a Part 10 file; return its path."""
        if not hasattr(dataset, "file_meta"):
            dataset.file_meta = FileMetaDataset()
        if "TransferSyntaxUID" not in dataset.file_meta:
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        encoded = BytesIO()
        dcmwrite(encoded, dataset, enforce_file_format=True)
        stored = self._evidence.store_part10(
            encoded.getvalue(),
            calling_ae=self._ae_title,
            called_ae=self._ae_title,
            received_at=self._clock(),
        )
        return stored.instance.path


class SummarisedObjects(DicomObjects):
    """The same, with what the index knows of a received object in the place of its data set.

    Reading that is bounded, whatever the object holds (`dicom_node.archive.elements`).
    """

    def source(self, path: str) -> Dataset:
        """Return what queries may ask for of a received object, and the UIDs that name it."""
        return self.summarised(path)

    def mended(self, path: str) -> MendedElements:
        """Return nothing: what stands for the object states what it holds."""
        del path
        return MendedElements()


def _beginning(path: Path) -> Dataset:
    """Read the header of a deflated data set that breaks off or inflates too far."""
    data = path.read_bytes()
    meta, start = decode_head(data)
    plain = inflate(data[start:])
    head = encode_head(replace(meta, transfer_syntax_uid=ExplicitVRLittleEndian))
    changed = readable(plain, ExplicitVRLittleEndian)
    return dcmread(BytesIO(head + (changed or plain)), stop_before_pixels=True)
