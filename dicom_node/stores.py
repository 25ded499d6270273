"""The databases and archives of a node, for the node itself and for the command line."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_node.archive import ArchiveSettings, StorageArchive
from dicom_node.archive.objects import DicomObjects
from dicom_node.archive.reading import iter_objects
from dicom_node.configuration import load_ae_titles
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.network.storage_scu import ScuTimeouts
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.calibrations import CalibrationStore
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.persistence.hotbase import Hotbase
from dicom_node.persistence.index import StudyIndex
from dicom_node.persistence.observations import ObservationStore
from dicom_node.persistence.users import UserStore
from dicom_node.settings import NodeSettings

_LOG = logging.getLogger(__name__)


def utc_now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


class Stores:
    """The databases and archives of a node; the command line uses them without a running node."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self.engine = make_engine(settings.hotbase_url)
        self.ae_titles = AeTitleStore(self.engine)
        self.users = UserStore(self.engine)
        self.index = StudyIndex(self.engine)
        self.hotbase = Hotbase(self.engine)
        self.calibrations = CalibrationStore(self.engine)
        self.observations = ObservationStore(self.engine)
        self.received = StorageArchive(archive_settings(settings))
        self.evidence = StorageArchive(
            ArchiveSettings(root=settings.data_dir / "evidence", min_free_bytes=0)
        )
        self.objects = DicomObjects(
            received=self.received,
            evidence=self.evidence,
            ae_title=settings.network.ae_title,
            clock=utc_now,
        )

    def prepare(self, config_dir: Path) -> None:
        """Bring the schema up to date and fill an empty table of AE titles."""
        migrate(self.engine)
        added = self.ae_titles.fill_if_empty(load_ae_titles(config_dir), at=utc_now())
        if added:
            _LOG.info("AE titles taken from %s count=%d", config_dir / "ae_titles.toml", added)

    def stored_since_last_index(self) -> Iterator[ReceivedInstance]:
        """Yield the archive's objects that may be missing in the index."""
        newest = self.index.newest()
        # A day back: folders are named by the day of reception, and clocks may be set.
        return iter_objects(self.received, newest.date() - timedelta(days=1) if newest else None)


def archive_settings(settings: NodeSettings) -> ArchiveSettings:
    """Return what the archive of received objects needs to know."""
    return ArchiveSettings(
        root=settings.archive_dir,
        min_free_bytes=settings.network.min_free_bytes,
        max_object_bytes=settings.network.max_object_bytes,
    )


def scu_timeouts(settings: NodeSettings) -> ScuTimeouts:
    """Return how long to wait for destinations."""
    return ScuTimeouts(
        connection=settings.network.connect_timeout,
        dimse=settings.network.response_timeout,
        network=settings.network.response_timeout,
    )
