"""The node's own receiving side, for tests: a receiver pool and what it reported."""

import functools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Condition
from typing import TypeVar

import pytest

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.errors import ConfigurationError
from dicom_node.network.access import (
    AccessFactory,
    AccessPolicy,
    AssociationRequest,
    Operation,
    StaticAccess,
)
from dicom_node.network.events import AssociationClosed, AssociationOpened, ReceptionEvent
from dicom_node.network.receiver import ScpSettings
from dicom_node.network.receivers import ReceiverPool
from dicom_node.network.sources import SourceOfCommitments, SourceOfQueries, SourceOfReports
from tests.peers.dcmtk import Peer
from tests.peers.process import wait_until

AE_TITLE = "AINODE"
MODALITY, PACS = "MODALITY", "PACS"
ACCESS = {MODALITY: frozenset(Operation), PACS: frozenset({Operation.ECHO})}
_WAIT_SECONDS = 30.0
_MARKS_ADDRESS = "127.0.0.9"

Event = TypeVar("Event", bound=ReceptionEvent)


@dataclass(frozen=True, slots=True)
class FileAccess:
    """A policy that reads the permitted calling AE titles from a file, one a line, each time."""

    path: Path

    def __call__(self, request: AssociationRequest) -> frozenset[Operation] | None:
        """Look the calling AE title up; fail where there is no file."""
        titles = self.path.read_text().splitlines()
        return frozenset(Operation) if request.calling_ae in titles else None


@dataclass(frozen=True, slots=True)
class FileAccessFactory:
    """Makes ``FileAccess`` in each receiver."""

    path: Path

    def __call__(self) -> AccessPolicy:
        """Return the policy."""
        return FileAccess(self.path)


def no_access() -> AccessPolicy:
    """Fail as a factory does whose database is away."""
    raise ConfigurationError("the AE table cannot be read")


@dataclass(slots=True)
class Recorder:
    """Takes the pool's events and lets a test wait for them."""

    events: list[ReceptionEvent] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    def __call__(self, events: Sequence[ReceptionEvent]) -> None:
        """Take a batch."""
        with self.changed:
            self.events.extend(events)
            self.changed.notify_all()

    def of(self, kind: type[Event]) -> list[Event]:
        """Return the events of one kind, in order."""
        with self.changed:
            return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type[Event], count: int = 1) -> list[Event]:
        """Wait until there are ``count`` events of a kind, and return them."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.of(kind)) >= count, _WAIT_SECONDS):
                pytest.fail(f"{len(self.of(kind))} of {count} {kind.__name__} after a long wait")
        return self.of(kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """A running pool, its archive and its events."""

    pool: ReceiverPool
    archive: StorageArchive
    recorder: Recorder

    @property
    def peer(self) -> Peer:
        """Where it listens."""
        return Peer(ae_title=AE_TITLE, port=self.pool.port)

    def forget(self) -> None:
        """Wait until nothing is underway, and empty the archive and the record of events."""
        wait_until(lambda: sum(self.pool._counts.associations) == 0, "all associations to end")
        wait_until(self.pool.ready, "all receivers to be ready")
        self._mark()
        opened = {event.association_id for event in self.recorder.of(AssociationOpened)}
        self.closed(len(opened))
        with self.recorder.changed:
            self.recorder.events.clear()
        for entry in self.archive.root.iterdir():
            if not entry.name.startswith("."):
                shutil.rmtree(entry)
        for path in self.archive.root.glob(".refused/*"):
            path.unlink()

    def _mark(self) -> None:
        """Have an association of its own address, and wait for its end.

        What one receiver tells arrives in order: whatever happened before has arrived by then.
        """
        from tests.peers import raw_pdu  # noqa: PLC0415 - it imports this module

        with raw_pdu.raw_peer(self.peer, source=(_MARKS_ADDRESS, 0)) as peer:
            peer.open()
            peer.release()
        wait_until(self._mark_ended, "what was told before to arrive")

    def _mark_ended(self) -> bool:
        marks = {
            each.association_id
            for each in self.recorder.of(AssociationOpened)
            if each.peer_address == _MARKS_ADDRESS
        }
        ended = {each.ended.association_id for each in self.recorder.of(AssociationClosed)}
        return bool(marks & ended)

    def closed(self, count: int = 1) -> list[AssociationClosed]:
        """Wait until ``count`` associations have closed: everything before that has arrived."""
        return self.recorder.wait_for(AssociationClosed, count)


@contextmanager
def reception(
    root: Path,
    *,
    access: AccessFactory | None = None,
    queries: SourceOfQueries | None = None,
    commitments: SourceOfCommitments | None = None,
    reports: SourceOfReports | None = None,
    archive: Callable[[Path], ArchiveSettings] = lambda root: ArchiveSettings(root=root),
    **scp: object,
) -> Iterator[Reception]:
    """Run a pool of receivers on a free port, storing below ``root``."""
    settings = archive(root)
    store = StorageArchive(settings)
    store.open()
    recorder = Recorder()
    pool = ReceiverPool(
        ScpSettings(**{"host": "127.0.0.1", "port": 0, "receivers": 1, **scp}),  # type: ignore[arg-type]
        store=functools.partial(StorageArchive, settings),
        access=access or functools.partial(StaticAccess, ACCESS),
        queries=queries,
        commitments=commitments,
        reports=reports,
        on_events=recorder,
    )
    with pool:
        yield Reception(pool=pool, archive=store, recorder=recorder)
