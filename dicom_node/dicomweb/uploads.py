"""What storing over the web (PS3.18 Section 10.5) asks of the node: a place to put objects."""

from dataclasses import dataclass
from typing import Protocol

from dicom_node.dicomweb.errors import DicomWebError
from dicom_node.domain.reception import AssociationEnd

# PS3.18 Section 10.5.3.1.2 names the statuses of C-STORE (PS3.4 Table B.2-1) and C122.
CANNOT_UNDERSTAND = 0xC001
OUT_OF_RESOURCES = 0xA701
ANOTHER_STUDY = 0xA900
"""Data set does not match: here, the study that the path names."""
SYNTAX_NOT_SUPPORTED = 0xC122
CLASS_NOT_SUPPORTED = 0x0122


class BusyError(DicomWebError):
    """No upload is taken just now."""

    status = 503


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sends: the AE title that its objects are kept under, and its name in logs."""

    ae_title: str
    actor: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An object that is durable and indexed by the end of its upload.

    ``warning_reason`` is the status of a warning (PS3.4 Table B.2-1), 0 without one.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    location: str = ""
    warning_reason: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotKept:
    """A part that is no object here; UIDs are empty where none could be read.

    ``location`` is the Content-Location that the client gave the part; ``words`` hold no value of
    the object.
    """

    failure_reason: int
    words: str
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    location: str = ""


class IncomingObject(Protocol):
    """Takes the bytes of one part, in memory or on disk, within the node's limits."""

    size: int
    is_lost: bool
    """Whether the disk did not take them."""

    def write(self, data: bytes, /) -> int:
        """Take bytes; those beyond the limit are only counted."""

    @property
    def overflowed(self) -> bool:
        """Whether more came than is held; then nothing is."""

    def getbuffer(self) -> memoryview:
        """Return what was taken."""

    def close(self) -> None:
        """Let go of them."""


class Upload(Protocol):
    """One transfer, as an association is one: what it brings belongs together until its end."""

    def begin(self) -> IncomingObject:
        """Return what takes the next object."""

    def take(self, incoming: IncomingObject, location: str) -> Kept | NotKept:
        """Make an object durable, or say why not."""

    def end(self, end: AssociationEnd) -> None:
        """Index what was kept; where the end is orderly its studies are whole."""


class Uploads(Protocol):
    """Begins uploads."""

    def open(self, sender: Sender, study_instance_uid: str | None) -> Upload:
        """Return an upload, of one study where one is named.

        Raises
        ------
        BusyError
            Too many run, or the node stops.
        """
