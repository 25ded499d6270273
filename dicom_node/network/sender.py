"""Sends evidence to a destination, and says what went wrong in the words of the corridor."""

import functools
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType

from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from dicom_node.domain.application_entity import ApplicationEntity, Compression
from dicom_node.errors import ConfigurationError
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.errors import AssociationError, VerificationNotOfferedError
from dicom_node.network.pace import Pace
from dicom_node.network.ready_lines import ReadyLines
from dicom_node.network.storage_scu import (
    Compressed,
    Pairs,
    StorageLine,
    Way,
    echo,
    line_for,
    proposed,
)
from dicom_node.network.store_outcome import OutcomeKind, StoreOutcome
from dicom_node.network.travel import TravelFiles
from dicom_node.workflow.delivery.ports import DestinationAwayError, Line, Outcome, Sent

# Overlays in colour are the large objects among the evidence.
COMPRESSED_CLASSES = frozenset({str(SecondaryCaptureImageStorage)})
# Smallest first: a colour overlay of 3.3 MB becomes 0.85, 0.94 and 2.7 MB, in 40, 160 and 40 ms.
_SMALLEST = (str(JPEGLSLossless), str(JPEG2000Lossless), str(RLELossless))
LOSSLESS: Mapping[Compression, tuple[str, ...]] = MappingProxyType(
    {
        Compression.AUTOMATIC: _SMALLEST,
        Compression.SMALLEST: _SMALLEST,
        Compression.JPEG_LS: (str(JPEGLSLossless),),
        Compression.JPEG_2000: (str(JPEG2000Lossless),),
        Compression.RLE: (str(RLELossless),),
        Compression.NONE: (),
    }
)


def compressed(compression: Compression) -> Compressed:
    """Return which evidence may be compressed, to what; it goes as it is where that is refused."""
    return dict.fromkeys(COMPRESSED_CLASSES, LOSSLESS[compression])


class StorageSender:
    """A storage SCU with this node's AE title (PS3.4, Annex B)."""

    def __init__(
        self,
        *,
        ae_title: str,
        timeouts: ScuTimeouts,
        path_of: Callable[[str], Path],
        address: Callable[[ApplicationEntity], Destination],
        travel: TravelFiles | None = None,
        ready_lines: ReadyLines | None = None,
    ) -> None:
        """Send as ``ae_title``; what ``travel`` has is ready, the rest is made when it goes."""
        self._ae_title = ae_title
        self._timeouts = timeouts
        self._path_of = path_of
        self._address = address
        self._travel = travel
        self._paces: dict[str, Pace] = {}
        self._ready_lines = ready_lines or ReadyLines()
        # What was proposed to each destination the last time.
        self._proposed: dict[str, Pairs] = {}

    def prepare(self, destination: ApplicationEntity, paths: Sequence[str]) -> None:
        """Make ready what is to go to a destination, while that is away."""
        if self._travel is not None:
            sources = [self._path_of(path) for path in paths]
            self._travel.prepare(destination.title, sources, compressed(destination.compression))

    def verify(self, destination: ApplicationEntity) -> None:
        """Probe a destination by C-ECHO; one that takes the association is there.

        Raises
        ------
        DestinationAwayError
            When it does not answer.
        """
        try:
            echo(self._peer(destination), calling_ae=self._ae_title, timeouts=self._timeouts)
        except VerificationNotOfferedError:
            return
        except AssociationError as error:
            raise DestinationAwayError(str(error)) from error

    def expect(self, destination: ApplicationEntity) -> None:
        """Have an association opened for what will soon be sent, of the kinds sent before.

        Returns at once. Where nothing was sent before, it is opened when something is.
        """
        if (pairs := self._proposed.get(destination.title)) is not None:
            peer = self._peer(destination)
            self._ready_lines.open(_kept_for(peer), lambda: self._line(destination, peer, pairs))

    def forgo(self, peer: Destination) -> None:
        """Release what was opened ahead: some peers take one association at a time."""
        with self._ready_lines.taken(_kept_for(peer)):
            pass

    @contextmanager
    def connect(self, destination: ApplicationEntity, paths: Sequence[str]) -> Iterator[Line]:
        """Open an association for these objects, and others of their kinds.

        Raises
        ------
        DestinationAwayError
            When there is none.
        """
        peer = self._peer(destination)
        sources = [self._path_of(path) for path in paths]
        arrived = functools.partial(self._arrived, destination.title)
        try:
            with self._ready_lines.served(_kept_for(peer)):
                with self._ready_lines.taken(_kept_for(peer)) as ready:
                    if ready is not None and ready.carries(sources):
                        yield _EvidenceLine(ready, self._path_of, arrived)
                        return
                pairs = proposed(sources, compressed(destination.compression))
                self._proposed[destination.title] = pairs
                with self._line(destination, peer, pairs) as line:
                    yield _EvidenceLine(line, self._path_of, arrived)
        except AssociationError as error:
            raise DestinationAwayError(str(error)) from error

    def _line(
        self, destination: ApplicationEntity, peer: Destination, pairs: Pairs
    ) -> AbstractContextManager[StorageLine]:
        return line_for(
            pairs,
            peer,
            calling_ae=self._ae_title,
            timeouts=self._timeouts,
            way=self._way(destination),
        )

    def _way(self, destination: ApplicationEntity) -> Way:
        title = destination.title
        is_judged = destination.compression is Compression.AUTOMATIC
        return Way(
            compress=compressed(destination.compression),
            ready=functools.partial(self._ready, title),
            is_ready=functools.partial(self._is_ready, title),
            pace=self._paces.setdefault(title, Pace()) if is_judged else None,
        )

    def _is_ready(self, title: str, source: Path) -> bool:
        return self._travel is not None and self._travel.has(title, source)

    def _ready(self, title: str, source: Path, transfer_syntax_uid: str) -> Path | None:
        if self._travel is None:
            return None
        return self._travel.fetch(title, source, transfer_syntax_uid)

    def _arrived(self, title: str, sources: Sequence[Path]) -> None:
        if self._travel is not None:
            self._travel.drop(title, sources)

    def _peer(self, destination: ApplicationEntity) -> Destination:
        try:
            return self._address(destination)
        except ConfigurationError as error:
            raise DestinationAwayError(str(error)) from error


def _kept_for(peer: Destination) -> Hashable:
    """Return what a peer is known by: its context of TLS is made anew for each association."""
    return peer.ae_title, peer.host, peer.port, peer.tls is not None


class _EvidenceLine:
    """An association for objects of the archive of evidence."""

    def __init__(
        self,
        line: StorageLine,
        path_of: Callable[[str], Path],
        arrived: Callable[[Sequence[Path]], None],
    ) -> None:
        self._line = line
        self._path_of = path_of
        self._arrived = arrived

    def carries(self, paths: Sequence[str]) -> bool:
        """Whether these objects may go over it."""
        return self._line.carries([self._path_of(path) for path in paths])

    def send(self, paths: Sequence[str]) -> tuple[Sent, ...]:
        """Send objects, and return what became of each, in their order."""
        outcomes = self._line.store([self._path_of(path) for path in paths])
        self._arrived([each.path for each in outcomes if each.stored])
        return tuple(
            Sent(
                path=path,
                outcome=_outcome(each),
                words=_described(each),
                refused_class=each.sop_class_uid if each.is_of_refused_class else "",
                remark=_remark(each),
            )
            for path, each in zip(paths, outcomes, strict=True)
        )


def _outcome(outcome: StoreOutcome) -> Outcome:
    if outcome.stored:
        return Outcome.STORED
    if not outcome.retryable:
        return Outcome.NEVER
    match outcome.kind:
        case OutcomeKind.NOT_SENT:
            return Outcome.LOST
        case OutcomeKind.UNREADABLE:
            return Outcome.UNREADABLE
        case _:
            return Outcome.REFUSED


def _remark(outcome: StoreOutcome) -> str:
    return _described(outcome) if outcome.kind is OutcomeKind.STORED_WITH_WARNING else ""


def _described(outcome: StoreOutcome) -> str:
    status = f" status 0x{outcome.status:04X}" if outcome.status is not None else ""
    name = outcome.sop_instance_uid or outcome.path.name
    return f"{name} {outcome.kind.value}{status} {outcome.comment}".rstrip()
