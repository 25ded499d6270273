"""What a node does first: it takes its place, opens its archive and listens.

Nothing here needs models, workflows or pages, so that callers are answered and their objects are
durable while all that is still being imported and built. What receivers report waits until
somebody takes it (`hand_over`); what is lost by dying meanwhile is in the archive.
"""

import functools
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from dicom_node.archive.storage import StorageArchive
from dicom_node.configuration.files import load_ae_titles
from dicom_node.configuration.private_folder import make_private
from dicom_node.configuration.settings import NodeSettings
from dicom_node.isolation.parent import import_the_rest
from dicom_node.network.events import ReceptionEvent
from dicom_node.network.libraries import set_up_dicom_libraries
from dicom_node.network.receiver import ScpSettings
from dicom_node.network.receivers import ReceiverPool
from dicom_node.network.tls import server_context
from dicom_node.node.access import database_access
from dicom_node.node.answering import LateCommitments, LateQueries, LateReports
from dicom_node.node.archive_settings import archive_settings
from dicom_node.node.clock import utc_now
from dicom_node.node.one_archive import require_one_archive
from dicom_node.node.part_settings import scp_settings, tls_files
from dicom_node.node.roles import role_of
from dicom_node.node.sole import SolePlace
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.database import make_engine, migrate

_LOG = logging.getLogger(__name__)
Sink = Callable[[Sequence[ReceptionEvent]], None]


class Listening:
    """A node's place, its archive and its receivers, between ``start`` and ``stop``."""

    def __init__(self, settings: NodeSettings, config_dir: Path) -> None:
        """Take the place; nothing runs yet.

        Raises
        ------
        ConfigurationError
            When TLS cannot be used as it is set.
        ConflictError
            When another node runs on the data folder, or under this name; nothing was touched.
        """
        set_up_dicom_libraries()
        self._settings = settings
        self._config_dir = config_dir
        self._sink: Sink | None = None
        self._has_sink = threading.Event()
        self._has_started = False
        self._role = role_of(settings)
        self._place = SolePlace(settings)
        self._place.take()
        try:
            self._open, self._secure = self._make_pools(scp_settings(settings))
        except BaseException:
            self._place.leave()
            raise
        self._preparing = threading.Thread(target=self._prepare_parent, name="parent", daemon=True)
        self._pools = [each for each in (self._secure, self._open) if each is not None]

    @property
    def port(self) -> int:
        """The port that the node receives on; 0 where it is not this host that does."""
        return self._open.port if self._open else 0

    @property
    def tls_port(self) -> int | None:
        """The port that the node receives on by TLS, where it has a certificate."""
        return self._secure.port if self._secure else None

    def start(self) -> None:
        """Bring the schema up to date and listen; doing it again does nothing.

        Raises
        ------
        NodeError
            When the archive or the port cannot be used, or others use the database with another
            archive; the place is left.
        """
        if self._has_started:
            return
        self._has_started = True
        try:
            prepare(self._settings, self._config_dir)
            open_archive(self._settings)
            require_one_archive(self._settings)
            for pool in self._pools:
                pool.listen()
            self._preparing.start()
        except BaseException:
            self.stop()
            self.leave()
            raise

    def wait_until_ready(self) -> None:
        """Return when all receivers accept associations, and workers may be started.

        Raises
        ------
        ReceptionError
            A receiver did not start.
        """
        for pool in self._pools:
            pool.wait_until_ready()
        self._preparing.join()

    def hand_over(self, sink: Sink) -> None:
        """Let ``sink`` have what was reported, and all that will be (`ReceiverPool`)."""
        self._sink = sink
        self._has_sink.set()

    def ready(self) -> bool:
        """Tell whether every receiver accepts associations."""
        return all(pool.ready() for pool in self._pools)

    def is_place_held(self) -> bool:
        """Whether the place is still this node's (`SolePlace.is_held`)."""
        return self._place.is_held()

    def stop(self) -> None:
        """Stop accepting, let open associations end, hand over all events."""
        self._has_sink.set()  # where nobody came to take them, they are in the archive
        for pool in self._pools:
            pool.stop()

    def leave(self) -> None:
        """Leave the place to others."""
        self._place.leave()

    def _prepare_parent(self) -> None:
        """Let the parent of all processes import what workers need, once receivers are there."""
        for pool in self._pools:
            pool.wait_until_settled()
        import_the_rest()

    def _take(self, events: Sequence[ReceptionEvent]) -> None:
        self._has_sink.wait()
        if self._sink is not None:
            self._sink(events)

    def _make_pools(self, scp: ScpSettings) -> tuple[ReceiverPool | None, ReceiverPool | None]:
        if not self._role.receives:
            return None, None
        files = tls_files(self._settings)
        if files is None or not server_context(files):
            return self._make_pool(scp), None
        secure = replace(scp, port=self._settings.tls.port, receivers=1, tls=files)
        return self._make_pool(scp), self._make_pool(secure)

    def _make_pool(self, scp: ScpSettings) -> ReceiverPool:
        settings = self._settings
        return ReceiverPool(
            scp,
            store=functools.partial(StorageArchive, archive_settings(settings)),
            access=functools.partial(
                database_access, settings.hotbase_url, settings.network.ae_title
            ),
            queries=LateQueries(values=settings.model_dump()),
            commitments=LateCommitments(values=settings.model_dump()),
            reports=LateReports(values=settings.model_dump()),
            on_events=self._take,
        )


def open_archive(settings: NodeSettings) -> None:
    """Make the archive's folders; not where its disk is missing, which has objects by the index.

    Raises
    ------
    NodeError
        The folders cannot be made, or were made before and are not there.
    """
    archive = StorageArchive(archive_settings(settings))
    engine = make_engine(settings.hotbase_url)
    try:
        holds_objects = StudyIndex(engine).newest() is not None
    finally:
        engine.dispose()
    if holds_objects:
        archive.require_content()
    archive.open()


def prepare(settings: NodeSettings, config_dir: Path) -> None:
    """Close the data folder to others, migrate Hotbase, and fill an empty table of AE titles."""
    for folder in dict.fromkeys((settings.data_dir, settings.common_dir)):
        if make_private(folder):
            _LOG.warning("data folder was open to others path=%s", folder)
    engine = make_engine(settings.hotbase_url)
    try:
        migrate(engine)
        added = AeTitleStore(engine).fill_if_empty(load_ae_titles(config_dir), at=utc_now())
    finally:
        engine.dispose()
    if added:
        _LOG.info("AE titles taken from %s count=%d", config_dir / "ae_titles.toml", added)
