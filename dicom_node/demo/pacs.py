"""A small PACS that takes what it is sent: the demonstration's destination."""

import functools
from collections.abc import Sequence
from pathlib import Path
from threading import Condition
from types import TracebackType

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.application_entity import Operation
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.network.access import StaticAccess
from dicom_node.network.associations import Destination
from dicom_node.network.events import InstanceReceived, ReceptionEvent
from dicom_node.network.receiver import ScpSettings
from dicom_node.network.receivers import ReceiverPool


class DemoPacs:
    """Receives on a port of this machine while its ``with`` block runs."""

    def __init__(self, folder: Path, *, address: Destination, sender: str) -> None:
        """Keep objects in ``folder``; nobody but ``sender``, an AE title, may store any."""
        settings = ArchiveSettings(root=folder, durable=False, min_free_bytes=0)
        self._archive = StorageArchive(settings)
        self._objects: dict[str, ReceivedInstance] = {}
        self._changed = Condition()
        self._pool = ReceiverPool(
            ScpSettings(
                ae_title=address.ae_title, host=address.host, port=address.port, receivers=1
            ),
            store=functools.partial(StorageArchive, settings),
            access=functools.partial(
                StaticAccess, {sender: frozenset({Operation.ECHO, Operation.STORE})}
            ),
            on_events=self._take,
        )

    def __enter__(self) -> "DemoPacs":
        """Start to receive."""
        self._archive.open()
        self._pool.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop receiving."""
        self._pool.stop(graceful_timeout=0.0)

    def count(self) -> int:
        """Return how many objects it holds."""
        with self._changed:
            return len(self._objects)

    def wait_for_more(self, than: int, seconds: float) -> None:
        """Return when it holds more than so many objects, or when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._objects) > than, seconds)

    def find(self, sop_instance_uid: str) -> Path | None:
        """Return where an object lies, or None while it has not arrived."""
        with self._changed:
            held = self._objects.get(sop_instance_uid)
        return self._archive.path(held) if held else None

    def _take(self, events: Sequence[ReceptionEvent]) -> None:
        received = [event.instance for event in events if isinstance(event, InstanceReceived)]
        with self._changed:
            self._objects.update({each.sop_instance_uid: each for each in received})
            self._changed.notify_all()
