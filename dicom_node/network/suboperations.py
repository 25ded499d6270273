"""C-STORE sub-operations: objects of the archive on their way to whoever retrieves them."""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.dsutils import encode, split_dataset
from pynetdicom.presentation import PresentationContext

from dicom_node.network.associations import Destination, ScuTimeouts, open_association
from dicom_node.network.receiving_association import ReceivingAssociation
from dicom_node.network.status import is_success, is_warning
from dicom_node.network.storage_scu import proposed_syntaxes
from dicom_node.query.catalogue import ArchivedObject

_MOST_CONTEXTS = 128
_UNREADABLE = (
    InvalidDicomError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suboperation:
    """What became of one object; ``status`` is the peer's, None where there was no response."""

    sop_instance_uid: str
    status: int | None

    @property
    def completed(self) -> bool:
        """Whether it was stored without a warning."""
        return self.status is not None and is_success(self.status) and not self.warned

    @property
    def warned(self) -> bool:
        """Whether it was stored with a warning."""
        return self.status is not None and is_warning(self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOriginator:
    """Whose C-MOVE a C-STORE belongs to (PS3.7 Section 9.1.1.1)."""

    ae_title: str
    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """A Part 10 file, as its File Meta Information describes it."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    offset: int

    @classmethod
    def read(cls, path: Path) -> "ArchivedFile | None":
        """Return what a file says of itself; None where it cannot be read."""
        try:
            meta, offset = split_dataset(path)
            return cls(
                path=path,
                sop_class_uid=str(meta.MediaStorageSOPClassUID),
                sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
                transfer_syntax_uid=str(meta.TransferSyntaxUID),
                offset=offset,
            )
        except _UNREADABLE:
            return None

    def proposals(self) -> tuple[tuple[str, str], ...]:
        """Return SOP Class and transfer syntax pairs under which it can go, best first."""
        syntaxes = proposed_syntaxes(self.transfer_syntax_uid)
        return tuple((self.sop_class_uid, syntax) for syntax in syntaxes)

    def data_set(self, syntax: str) -> bytes:
        """Return the data set in a transfer syntax of its proposals: as it lies, where it can."""
        data = self.path.read_bytes()[self.offset :]
        if syntax == self.transfer_syntax_uid and len(data) % 2 == 0:
            return data
        return encoded(self.even(), UID(syntax))

    def even(self) -> Dataset:
        """Return the object with pixel data of even length (PS3.5 Section 8.1.1)."""
        dataset = dcmread(self.path)
        if len(dataset.get("PixelData", b"")) % 2:
            dataset.PixelData += b"\0"
        return dataset

    def became(self, status: int | None) -> Suboperation:
        """Return what became of it."""
        return Suboperation(sop_instance_uid=self.sop_instance_uid, status=status)


def encoded(dataset: Dataset, syntax: UID) -> bytes:
    """Return a data set encoded in an uncompressed transfer syntax.

    Raises
    ------
    ValueError
        It cannot be encoded.
    """
    data = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if data is None:
        raise ValueError("the data set cannot be encoded")
    return data


def moved(
    objects: Sequence[ArchivedObject],
    destination: Destination,
    *,
    calling_ae: str,
    timeouts: ScuTimeouts,
    originator: MoveOriginator,
) -> Iterator[Suboperation]:
    """Send objects to a destination and yield what became of each, one after the other.

    Raises
    ------
    AssociationError
        The destination cannot be reached, or does not let the node in.
    """
    files = []
    for archived in objects:
        each = ArchivedFile.read(archived.path)
        if each is None:
            yield Suboperation(sop_instance_uid=archived.sop_instance_uid, status=None)
        else:
            files.append(each)
    for batch in _batches(files):
        pairs = dict.fromkeys(pair for each in batch for pair in each.proposals())
        contexts = [build_context(sop_class, syntax) for sop_class, syntax in pairs]
        with open_association(destination, contexts, calling_ae, timeouts) as association:
            accepted = _by_pair(association.accepted_contexts)
            for number, each in enumerate(batch):
                yield _move(association, each, accepted, originator, number % 0xFFFF + 1)


def _move(
    association: Association,
    each: ArchivedFile,
    accepted: dict[tuple[str, str], PresentationContext],
    originator: MoveOriginator,
    message_id: int,
) -> Suboperation:
    usable = next((pair for pair in each.proposals() if pair in accepted), None)
    if usable is None or not association.is_established:
        return each.became(None)
    as_it_lies = usable[1] == each.transfer_syntax_uid
    try:
        response = association.send_c_store(
            each.path if as_it_lies else each.even(),
            msg_id=message_id,
            originator_aet=originator.ae_title,
            originator_id=originator.message_id,
        )
    except _UNREADABLE:
        return each.became(None)
    return each.became(response.get("Status"))


def _batches(files: Iterable[ArchivedFile]) -> Iterator[list[ArchivedFile]]:
    """Split into runs that need no more than 128 presentation contexts each."""
    batch: list[ArchivedFile] = []
    pairs: set[tuple[str, str]] = set()
    for each in files:
        needed = pairs.union(each.proposals())
        if batch and len(needed) > _MOST_CONTEXTS:
            yield batch
            batch, needed = [], set(each.proposals())
        batch.append(each)
        pairs = needed
    if batch:
        yield batch


def returned(
    objects: Sequence[ArchivedObject],
    association: ReceivingAssociation,
    *,
    message_id: int,
    priority: int,
) -> Iterator[Suboperation]:
    """Send objects back over the association that asked for them, and yield what became of each."""
    sending = _by_pair(context for context in association.accepted_contexts if context.as_scu)
    for number, archived in enumerate(objects, start=1):
        each = ArchivedFile.read(archived.path)
        if each is None:
            yield Suboperation(sop_instance_uid=archived.sop_instance_uid, status=None)
            continue
        usable = next((pair for pair in each.proposals() if pair in sending), None)
        if usable is None:
            yield each.became(None)
            continue
        request = C_STORE()
        request.MessageID = (message_id + number) % 0xFFFF or 1
        request.Priority = priority
        request.AffectedSOPClassUID = each.sop_class_uid
        request.AffectedSOPInstanceUID = each.sop_instance_uid
        try:
            request.DataSet = BytesIO(each.data_set(usable[1]))
        except _UNREADABLE:
            yield each.became(None)
            continue
        context_id = sending[usable].context_id or 0
        yield each.became(association.store_back(request, context_id))


def _by_pair(
    contexts: Iterable[PresentationContext],
) -> dict[tuple[str, str], PresentationContext]:
    return {
        (str(context.abstract_syntax), str(context.transfer_syntax[0])): context
        for context in contexts
    }
