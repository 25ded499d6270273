"""Sends evidence to a DICOMweb server (STOW-RS), in the words of the corridor."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock

from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from dicom_node.dicomweb.peer import StoreAnswer, WebConnection, WebPeer, WebPeerError, WebTimeouts
from dicom_node.dicomweb.peer import connected as connected_to
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.errors import ConfigurationError
from dicom_node.workflow.delivery.ports import DestinationAwayError, Line, Outcome, Sent

# PS3.7 Annex C.5.8: the peer has the object already; C.5.6: it takes none of the SOP Class.
_DUPLICATE, _CLASS_NOT_SUPPORTED = 0x0111, 0x0122
_TOO_LARGE = 413


class StowSender:
    """A STOW-RS user agent."""

    def __init__(
        self,
        *,
        timeouts: WebTimeouts,
        path_of: Callable[[str], Path],
        address: Callable[[ApplicationEntity], WebPeer],
        is_final: Callable[[int], bool],
    ) -> None:
        """Keep the parts; ``is_final`` says of a Failure Reason that the object is never taken."""
        self._timeouts = timeouts
        self._path_of = path_of
        self._address = address
        self._is_final = is_final

    def verify(self, destination: ApplicationEntity) -> None:
        """Probe a destination by the smallest search; one that answers it anyhow is there.

        Raises
        ------
        DestinationAwayError
            When it does not answer, is out of order, or does not let the node in.
        """
        with connected_to(self._peer(destination), self._timeouts) as connection:
            try:
                connection.search("/studies", {"limit": "1"})
            except WebPeerError as error:
                status = error.http_status
                if error.is_lost or status in (401, 403) or (status or 0) >= 500:
                    raise DestinationAwayError(str(error)) from error

    @contextmanager
    def connect(self, destination: ApplicationEntity, paths: Sequence[str]) -> Iterator[Line]:
        """Return what sends objects there; nothing is connected before the first of them.

        Raises
        ------
        DestinationAwayError
            When its address or credential cannot be used.
        """
        del paths
        with connected_to(self._peer(destination), self._timeouts) as connection:
            yield _StowLine(connection, self._path_of, self._is_final)

    def _peer(self, destination: ApplicationEntity) -> WebPeer:
        try:
            return self._address(destination)
        except ConfigurationError as error:
            raise DestinationAwayError(str(error)) from error


class _StowLine:
    """A connection for objects of the archive of evidence."""

    def __init__(
        self,
        connection: WebConnection,
        path_of: Callable[[str], Path],
        is_final: Callable[[int], bool],
    ) -> None:
        self._connection = connection
        self._path_of = path_of
        self._is_final = is_final

    def carries(self, paths: Sequence[str]) -> bool:
        """Whether these objects may go over it: any may."""
        del paths
        return True

    def send(self, paths: Sequence[str]) -> tuple[Sent, ...]:
        """Send objects in one request, and return what became of each, in their order."""
        try:
            named = {path: _named(self._path_of(path)) for path in paths}
            answer = self._connection.store([self._path_of(path) for path in paths])
        except (OSError, InvalidDicomError) as error:
            words = f"cannot be read here: {type(error).__name__}"
            return tuple(Sent(path=each, outcome=Outcome.UNREADABLE, words=words) for each in paths)
        except WebPeerError as error:
            if error.http_status == _TOO_LARGE and len(paths) > 1:
                return tuple(sent for each in paths for sent in self.send([each]))
            outcome = Outcome.LOST if error.is_lost else Outcome.REFUSED
            return tuple(Sent(path=each, outcome=outcome, words=str(error)) for each in paths)
        return tuple(self._became(path, *named[path], answer) for path in paths)

    def _became(self, path: str, sop_class: str, instance: str, answer: StoreAnswer) -> Sent:
        if instance in answer.stored:
            warning = answer.warned.get(instance)
            remark = f"{instance} stored with a warning, 0x{warning:04X}" if warning else ""
            return Sent(path=path, outcome=Outcome.STORED, remark=remark)
        reason = answer.failed.get(instance)
        if reason is None:
            return Sent(path=path, outcome=Outcome.REFUSED, words=f"{instance} was not mentioned")
        if reason == _DUPLICATE:
            return Sent(path=path, outcome=Outcome.STORED)
        sent = Sent(
            path=path,
            outcome=Outcome.NEVER if self._is_final(reason) else Outcome.REFUSED,
            words=f"{instance} refused, reason 0x{reason:04X}",
        )
        return replace(sent, refused_class=sop_class) if reason == _CLASS_NOT_SUPPORTED else sent


class UntoldAcceptance:
    """Which SOP Classes DICOMweb servers take: nobody can ask, so all that none has refused."""

    def __init__(self) -> None:
        self._refused: dict[str, frozenset[str]] = {}
        self._lock = Lock()

    def accepted(
        self, destination: ApplicationEntity, sop_classes: Sequence[str]
    ) -> frozenset[str]:
        """Return which of these SOP Classes a destination has not refused."""
        with self._lock:
            return frozenset(sop_classes) - self._refused.get(destination.title, frozenset())

    def learn(self, destination: ApplicationEntity, refused: frozenset[str]) -> bool:
        """Take note of classes that a destination refused; return whether that is news."""
        with self._lock:
            known = self._refused.get(destination.title, frozenset())
            self._refused[destination.title] = known | refused
            return bool(refused - known)


def _named(path: Path) -> tuple[str, str]:
    """Return the SOP Class and Instance UID of a file."""
    meta = dcmread(path, specific_tags=["SOPClassUID"], stop_before_pixels=True).file_meta
    return str(meta.MediaStorageSOPClassUID), str(meta.MediaStorageSOPInstanceUID)
