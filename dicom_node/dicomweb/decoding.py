"""Who decodes what DICOMweb shows: a code stream may end the process that opens it.

`DecodesHere` is the plain way, and what a worker does; a node hands in one that has a worker do it.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from pydicom import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from ai_engine.errors import ImageRefusedError, InflatesTooFarError
from ai_engine.preprocessing.decoding import (
    DECODING_ERRORS,
    refusing_damage,
    require_decodable,
)
from dicom_node.archive.object_file import read_object
from dicom_node.dicomweb.errors import NotAcceptableError
from dicom_node.dicomweb.frames import native_frames
from dicom_node.dicomweb.rendered import Rendering, render

UNDECODABLE = "this object cannot be decoded here: ask for it as stored (transfer-syntax=*)"


class Decoder(Protocol):
    """Opens objects of the archive and decodes what is in them.

    Each method raises a ``DicomWebError`` for what cannot be shown.
    """

    def native_frames(self, path: Path, numbers: Sequence[int]) -> list[bytes]:
        """Return frames, counted from 1, as little-endian native pixels."""

    def rendered(self, path: Path, number: int, media_type: str, rendering: Rendering) -> bytes:
        """Return one frame, counted from 1, as a JPEG or PNG file."""

    def explicit_little(self, path: Path) -> bytes:
        """Return an object as a DICOM file in Explicit VR Little Endian."""


class DecodesHere:
    """Decodes in the process that asks."""

    def native_frames(self, path: Path, numbers: Sequence[int]) -> list[bytes]:
        """Return native pixels (`Decoder`)."""
        return native_frames(path, numbers)

    def rendered(self, path: Path, number: int, media_type: str, rendering: Rendering) -> bytes:
        """Return a picture (`Decoder`)."""
        return render(path, number, media_type, rendering)

    def explicit_little(self, path: Path) -> bytes:
        """Return a decoded object (`Decoder`)."""
        try:
            dataset = read_object(path)
            if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
                require_decodable(dataset)
                with refusing_damage():
                    dataset.decompress(generate_instance_uid=False)
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            encoded = io.BytesIO()
            dcmwrite(encoded, dataset, little_endian=True, implicit_vr=False)
        except (ImageRefusedError, InflatesTooFarError, *DECODING_ERRORS) as error:
            raise NotAcceptableError(UNDECODABLE) from error
        return encoded.getvalue()
