"""Objects as a zip file (PS3.18 Section 8.6.1.2, ``application/zip``), made while it is sent."""

import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence

from fastapi.responses import StreamingResponse

from dicom_node.archive.layout import uid_name
from dicom_node.query.catalogue import ArchivedObject

ZIP = "application/zip"
_PIECE = 2**18
# PS3.10 Section 7.1: files that a person unpacks are named by what they are.
_SUFFIX = ".dcm"


def zipped(found: Sequence[ArchivedObject], uid: str, *, prefix: str = "") -> StreamingResponse:
    """Return objects as they are stored, in a folder for each series; ``uid`` is of what it is.

    Senders choose their UIDs: what is none might end a header, or lead out of the folder in which
    the file is unpacked.
    """
    headers = {"Content-Disposition": f'attachment; filename="{prefix}{uid_name(uid)}.zip"'}
    return StreamingResponse(_pieces(found), media_type=ZIP, headers=headers)


class _Sink(io.RawIOBase):
    """Takes what a zip file is written to, until it is fetched; nothing is sought."""

    def __init__(self) -> None:
        self._taken = bytearray()

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: object, /) -> int:
        """Take bytes."""
        piece = memoryview(data)  # type: ignore[arg-type]
        self._taken += piece
        return piece.nbytes

    def fetched(self) -> bytes:
        """Return what was taken since it was fetched last."""
        taken = bytes(self._taken)
        self._taken.clear()
        return taken


def _pieces(found: Iterable[ArchivedObject]) -> Iterator[bytes]:
    sink = _Sink()
    # Images are compressed already, or are not by somebody's choice.
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for each in found:
            folder, file_name = map(uid_name, (each.series_instance_uid, each.sop_instance_uid))
            inside = f"{folder}/{file_name}{_SUFFIX}"
            with each.path.open("rb") as file, archive.open(inside, "w", force_zip64=True) as entry:
                while piece := file.read(_PIECE):
                    entry.write(piece)
                    yield sink.fetched()
    yield sink.fetched()
