"""The storage SCU: sends stored objects as they are and says of each what became of it."""

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from types import MappingProxyType

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.dsutils import split_dataset
from pynetdicom.presentation import PresentationContext

from dicom_node.domain.peer_words import peer_words
from dicom_node.network.associations import (
    Destination,
    ScuTimeouts,
    end,
    open_association,
    peer_address,
)
from dicom_node.network.errors import AssociationAbortedError, VerificationNotOfferedError
from dicom_node.network.pace import Pace
from dicom_node.network.packing import ENCODING_ERRORS, compressed, even
from dicom_node.network.status import is_duplicate, is_success, is_warning
from dicom_node.network.store_outcome import OutcomeKind, StoreOutcome

VERIFICATION = "1.2.840.10008.1.1"
_VERIFYING = (VERIFICATION, str(ImplicitVRLittleEndian))
_MAX_CONTEXTS = 128  # PS3.8 Section 9.3.2.2: odd identifiers from 1 to 255
# Re-encoding these as the default transfer syntax loses nothing (PS3.5 Section 10.1).
_CONVERTIBLE = frozenset({str(ExplicitVRLittleEndian), str(DeflatedExplicitVRLittleEndian)})
# The transfer syntaxes that uncompressed images of a SOP class may travel in, best first.
Compressed = Mapping[str, tuple[str, ...]]
_NOTHING: Compressed = MappingProxyType({})


def proposed_syntaxes(
    transfer_syntax_uid: str, *, lossless: tuple[str, ...] = ()
) -> tuple[str, ...]:
    """Return the transfer syntaxes that are proposed for an object in one of them, best first.

    ``lossless`` are those that it may be compressed to.
    """
    syntaxes: tuple[str, ...] = (str(transfer_syntax_uid),)
    if transfer_syntax_uid in _CONVERTIBLE:
        syntaxes += (str(ImplicitVRLittleEndian),)
    return lossless + syntaxes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Object:
    """An object to send, as its File Meta Information describes it."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    size: int
    odd: bool
    lossless: tuple[str, ...]

    def proposals(self) -> tuple[tuple[str, str], ...]:
        """Return the SOP Class and transfer syntax pairs under which it can be sent, best first."""
        syntaxes = proposed_syntaxes(self.transfer_syntax_uid, lossless=self.lossless)
        return tuple((self.sop_class_uid, syntax) for syntax in syntaxes)

    def encoded(self, transfer_syntax_uid: str) -> Path | Dataset:
        """Return the object as it goes out under one of its proposals."""
        if transfer_syntax_uid == self.transfer_syntax_uid and not self.odd:
            return self.path
        if self.is_packed_for(transfer_syntax_uid):
            return compressed(self.path, transfer_syntax_uid)
        return even(dcmread(self.path))

    def is_packed_for(self, transfer_syntax_uid: str) -> bool:
        """Whether it is compressed to go out under one of its proposals."""
        is_other = transfer_syntax_uid != self.transfer_syntax_uid
        return is_other and transfer_syntax_uid in self.lossless

    def goes_under(
        self, accepted: Container[tuple[str, str]], *, as_it_is: bool = False
    ) -> str | None:
        """Return the transfer syntax that it goes out in; None where the peer takes none.

        ``as_it_is`` it is compressed only where the peer takes it in no other way.
        """
        usable = [
            syntax for class_uid, syntax in self.proposals() if (class_uid, syntax) in accepted
        ]
        if as_it_is:
            usable.sort(key=self.is_packed_for)
        return next(iter(usable), None)

    def outcome(
        self, kind: OutcomeKind, *, status: int | None = None, comment: str = ""
    ) -> StoreOutcome:
        """Return what became of it."""
        return StoreOutcome(
            path=self.path,
            sop_class_uid=self.sop_class_uid,
            sop_instance_uid=self.sop_instance_uid,
            kind=kind,
            status=status,
            comment=comment,
        )


def best_compression(source: Path, compress: Compressed) -> str | None:
    """Return the transfer syntax that an object travels in best; None where it stays as it is."""
    described = _describe(source, compress)
    if isinstance(described, _Object) and described.lossless:
        return described.lossless[0]
    return None


def store(
    paths: Sequence[Path],
    destination: Destination,
    *,
    calling_ae: str = "AINODE",
    timeouts: ScuTimeouts | None = None,
    compress: Compressed = _NOTHING,
) -> tuple[StoreOutcome, ...]:
    """Send Part 10 files by C-STORE and return the outcomes in the order of ``paths``.

    One association, or more where the objects need more than 128 presentation contexts. Data sets
    go out byte by byte as they are. Re-encoded is only an uncompressed object for a peer that
    accepts nothing but Implicit VR Little Endian, and one whose odd length cannot be sent; and
    uncompressed images of the SOP classes in ``compress``, which are compressed without loss to the
    first syntax named there that the peer accepts.

    Raises
    ------
    ConnectionFailedError
        No TCP connection.
    AssociationRejectedError
        The peer rejected the association.
    AssociationAbortedError
        The peer aborted before it accepted, or did not answer in time.
    """
    outcomes: dict[int, StoreOutcome] = {}
    readable: list[tuple[int, _Object]] = []
    for position, path in enumerate(paths):
        described = _describe(path, compress)
        if isinstance(described, _Object):
            readable.append((position, described))
        else:
            outcomes[position] = described
    for batch in _batches(readable):
        outcomes.update(_send_batch(batch, destination, calling_ae, timeouts or ScuTimeouts()))
    return tuple(outcomes[position] for position in range(len(paths)))


def echo(
    destination: Destination, *, calling_ae: str = "AINODE", timeouts: ScuTimeouts | None = None
) -> float:
    """Verify a peer by C-ECHO and return the seconds from request to response (PS3.4 Annex A).

    Raises
    ------
    AssociationError
        As for ``store``; VerificationNotOfferedError where the peer did not accept that context.
    """
    contexts = _contexts([_VERIFYING])
    with open_association(
        destination, contexts, calling_ae, timeouts or ScuTimeouts()
    ) as association:
        if not association.is_established:
            raise VerificationNotOfferedError(f"{destination.ae_title} does not offer verification")
        seconds = round_trip(association)
        if seconds is None:
            raise AssociationAbortedError(f"{destination.ae_title} did not answer C-ECHO")
        return seconds


def round_trip(association: Association) -> float | None:
    """Return the seconds from a C-ECHO to its answer, None where there was no good one."""
    begun = time.perf_counter()
    try:
        response = association.send_c_echo()
    except RuntimeError:  # the association has ended meanwhile
        return None
    return time.perf_counter() - begun if response.get("Status") == 0 else None


def _describe(path: Path, compress: Compressed) -> _Object | StoreOutcome:
    """Read what the File Meta Information says, or say that it cannot be read."""
    try:
        meta, offset = split_dataset(path)
        size = path.stat().st_size
        return _Object(
            path=path,
            sop_class_uid=str(meta.MediaStorageSOPClassUID),
            sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
            transfer_syntax_uid=str(meta.TransferSyntaxUID),
            size=size,
            odd=(size - offset) % 2 == 1,
            lossless=compress.get(str(meta.MediaStorageSOPClassUID), ())
            if str(meta.TransferSyntaxUID) == ExplicitVRLittleEndian
            else (),
        )
    except (InvalidDicomError, AttributeError):
        comment = "not a Part 10 file with complete File Meta Information"
    except OSError as error:
        comment = f"cannot be read: {error.strerror}"
    return StoreOutcome(
        path=path,
        sop_class_uid="",
        sop_instance_uid="",
        kind=OutcomeKind.UNREADABLE,
        comment=comment,
    )


_Batch = list[tuple[int, _Object]]


def _batches(objects: Iterable[tuple[int, _Object]]) -> Iterator[_Batch]:
    """Split into runs that need no more than 128 presentation contexts each."""
    batch: _Batch = []
    pairs: set[tuple[str, str]] = set()
    for position, each in objects:
        needed = pairs.union(each.proposals())
        if len(needed) > _MAX_CONTEXTS:
            yield batch
            batch, needed = [], set(each.proposals())
        batch.append((position, each))
        pairs = needed
    if batch:
        yield batch


def _send_batch(
    batch: _Batch, destination: Destination, calling_ae: str, timeouts: ScuTimeouts
) -> Iterator[tuple[int, StoreOutcome]]:
    pairs = dict.fromkeys(pair for _, each in batch for pair in each.proposals())
    with open_association(destination, _contexts(pairs), calling_ae, timeouts) as association:
        outcomes = _send_all(association, [each for _, each in batch])
        for (position, _), outcome in zip(batch, outcomes, strict=True):
            yield position, outcome


# Returns an object that is ready in a transfer syntax, or None.
Ready = Callable[[Path, str], Path | None]


def _nothing_ready(_path: Path, _transfer_syntax_uid: str) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How objects go to a destination.

    ``compress`` says which images may be compressed, and to what; ``ready`` returns what was
    compressed before, or has it made elsewhere, and ``is_ready`` says whether the former. Where a
    ``pace`` is given and the destination is near by it, what is not ready goes as it is.
    """

    compress: Compressed = field(default_factory=lambda: _NOTHING)
    ready: Ready = _nothing_ready
    is_ready: Callable[[Path], bool] = lambda _path: False
    pace: Pace | None = None

    def goes_as_it_is(self, path: Path) -> bool:
        """Whether an object is sent sooner than it would be compressed."""
        return self.pace is not None and self.pace.is_near and not self.is_ready(path)


_PLAIN = Way()


def _send_all(
    association: Association, objects: Sequence[_Object], way: Way = _PLAIN
) -> Iterator[StoreOutcome]:
    """Send objects one after the other; once one is lost, so are those that follow."""
    accepted = {
        (str(context.abstract_syntax), str(context.transfer_syntax[0]))
        for context in association.accepted_contexts
    }
    going = [
        (each, each.goes_under(accepted, as_it_is=way.goes_as_it_is(each.path))) for each in objects
    ]
    with ThreadPoolExecutor(1, thread_name_prefix="packing") as packing:
        # What has to be packed is, while what goes before it is on its way.
        packed = [
            packing.submit(way.ready, each.path, syntax)
            if syntax is not None and each.is_packed_for(syntax)
            else None
            for each, syntax in going
        ]
        lost = False
        for (each, syntax), done, number in zip(going, packed, count(), strict=False):
            if lost:
                packing.shutdown(wait=False, cancel_futures=True)
                yield each.outcome(OutcomeKind.NOT_SENT, comment="association lost")
                continue
            begun = time.perf_counter()
            outcome = _send(association, each, syntax, number % 0xFFFF + 1, done)
            if way.pace is not None and outcome.stored and syntax == each.transfer_syntax_uid:
                way.pace.took(each.size, time.perf_counter() - begun)
            lost = outcome.kind is OutcomeKind.NOT_SENT
            yield outcome
    if lost:
        end(association, association.abort)


Pairs = Mapping[tuple[str, str], None]
"""SOP Classes and transfer syntaxes that are proposed, best first."""


def _contexts(pairs: Iterable[tuple[str, str]]) -> list[PresentationContext]:
    return [build_context(sop_class, syntax) for sop_class, syntax in pairs]


class StorageLine:
    """An association that stays open, for objects of the kinds that it was opened for."""

    def __init__(
        self,
        association: Association,
        pairs: Pairs,
        way: Way,
    ) -> None:
        self._association = association
        self._reached = peer_address(association)
        self._pairs = pairs
        self._way = way
        self._looked_at: dict[Path, _Object | StoreOutcome] = {}

    def carries(self, paths: Sequence[Path]) -> bool:
        """Whether the association is there, and contexts for all of these files were proposed."""
        if not self._association.is_established:
            return False
        # The same files are sent next: each is opened once for both.
        self._looked_at = {path: _describe(path, self._way.compress) for path in paths}
        described = self._looked_at.values()
        return all(
            pair in self._pairs
            for each in described
            if isinstance(each, _Object)
            for pair in each.proposals()
        )

    def store(self, paths: Sequence[Path]) -> tuple[StoreOutcome, ...]:
        """Send Part 10 files and return the outcomes in their order, as ``store`` does."""
        if self._way.pace is not None:  # here, in the thread that goes on to use it
            self._way.pace.reached(self._reached)
        looked_at, self._looked_at = self._looked_at, {}
        described = [looked_at.get(path) or _describe(path, self._way.compress) for path in paths]
        objects = [each for each in described if isinstance(each, _Object)]
        sent = _send_all(self._association, objects, self._way)
        outcomes = [next(sent) if isinstance(each, _Object) else each for each in described]
        for _ in sent:  # it aborts a lost association after the last object
            pass
        return tuple(outcomes)


def proposed(paths: Sequence[Path], compress: Compressed = _NOTHING) -> Pairs:
    """Return what is proposed for these files, as much as one association can have."""
    described = (_describe(path, compress) for path in paths)
    objects = (each for each in described if isinstance(each, _Object))
    every = dict.fromkeys(pair for each in objects for pair in each.proposals())
    # Without a file that can be read, the association only shows that the peer is there.
    return dict.fromkeys(islice(every, _MAX_CONTEXTS)) or {_VERIFYING: None}


@contextmanager
def line_for(
    pairs: Pairs,
    destination: Destination,
    *,
    calling_ae: str = "AINODE",
    timeouts: ScuTimeouts | None = None,
    way: Way = _PLAIN,
) -> Iterator[StorageLine]:
    """Open an association for files of these kinds (`proposed`), and release it afterwards.

    Raises
    ------
    AssociationError
        As for ``store``.
    """
    opened = open_association(destination, _contexts(pairs), calling_ae, timeouts or ScuTimeouts())
    with opened as association:
        yield StorageLine(association, pairs, way)


def storage_line(
    paths: Sequence[Path],
    destination: Destination,
    *,
    timeouts: ScuTimeouts | None = None,
    way: Way = _PLAIN,
) -> AbstractContextManager[StorageLine]:
    """Open an association for these files and others of their kinds, as ``line_for`` does."""
    return line_for(proposed(paths, way.compress), destination, timeouts=timeouts, way=way)


def _send(
    association: Association,
    each: _Object,
    syntax: str | None,
    message_id: int,
    packed: "Future[Path | None] | None",
) -> StoreOutcome:
    if syntax is None:
        wanted = f"SOP class {each.sop_class_uid}, transfer syntax {each.transfer_syntax_uid}"
        return each.outcome(OutcomeKind.NO_CONTEXT, comment=f"{wanted} not accepted")
    try:
        goes = (packed.result() if packed is not None else None) or each.encoded(syntax)
        response = association.send_c_store(goes, msg_id=message_id)
    except OSError as error:  # of the file, a part of which may have been sent
        return each.outcome(OutcomeKind.NOT_SENT, comment=f"cannot be read: {error.strerror}")
    except ENCODING_ERRORS as error:
        if not association.is_established:  # pynetdicom raises RuntimeError then
            return each.outcome(OutcomeKind.NOT_SENT, comment="the association was lost")
        # By its kind: its words may hold values of the object.
        comment = f"cannot be encoded ({type(error).__name__})"
        return each.outcome(OutcomeKind.NOT_ENCODED, comment=comment)
    status = response.get("Status")
    if status is None:
        return each.outcome(
            OutcomeKind.NOT_SENT, comment="the association ended without a response"
        )
    kind = OutcomeKind.REFUSED
    if is_duplicate(status):
        kind = OutcomeKind.STORED_BEFORE
    elif is_success(status):
        kind = OutcomeKind.STORED_WITH_WARNING if is_warning(status) else OutcomeKind.STORED
    return each.outcome(kind, status=status, comment=peer_words(response.get("ErrorComment")))
