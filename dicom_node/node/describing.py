"""Reads from the archives' files what queries ask for, where the index does not know it yet."""

import logging
from collections.abc import Callable, Sequence
from threading import Event

from dicom_node.archive.errors import ArchiveError
from dicom_node.archive.reading import read_instance
from dicom_node.archive.storage import StorageArchive
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import UnreadableDatasetError
from dicom_node.persistence.corridor.attributes import AttributeStore, Undescribed
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.query.keys import Level
from dicom_node.query.ports import Matches, Window
from dicom_node.query.reading import Query

_LOG = logging.getLogger(__name__)
# Files are read outside of any transaction; one page is written in one short transaction, so that
# reception never waits long for the database.
_PAGE = 200
_BREATH = 0.02


class Describing:
    """Describes what was indexed by an earlier version, and the evidence that the node makes.

    It may be stopped at any time and goes on where it was: each row says whether it is described.
    """

    def __init__(
        self, store: AttributeStore, *, received: StorageArchive, evidence: StorageArchive
    ) -> None:
        self._store = store
        self._received = received
        self._evidence = evidence
        self._stopped = Event()

    def pending(self) -> int:
        """Return how many rows are not described."""
        return self._store.count()

    def run(self, progress: Callable[[int], None] = lambda _rows: None) -> int:
        """Describe everything; ``progress`` is told the size of each page. Return how many rows."""
        described = 0
        while not self._stopped.is_set():
            rows = self._store.undescribed_evidence(_PAGE) or (
                self._store.undescribed_instances(_PAGE)
            )
            if not rows:
                break
            self._describe(rows)
            described += len(rows)
            progress(len(rows))
            self._stopped.wait(_BREATH)
        while not self._stopped.is_set() and (noted := self._store.note(_PAGE)):
            described += noted
            progress(noted)
            self._stopped.wait(_BREATH)
        if described:
            _LOG.info("attributes read rows=%d", described)
        return described

    def new_evidence(self) -> None:
        """Describe the evidence that was made since, so that no search misses it."""
        if rows := self._store.undescribed_evidence(_PAGE):
            self._describe(rows)

    def stop(self) -> None:
        """End ``run`` after the page that it is at."""
        self._stopped.set()

    def _describe(self, rows: Sequence[Undescribed]) -> None:
        self._store.describe([(row, self._read(row)) for row in rows])

    def _read(self, row: Undescribed) -> ReceivedInstance | None:
        if row.held:
            return None
        archive = self._evidence if row.is_evidence else self._received
        try:
            return read_instance(archive, row.path)
        except (ArchiveError, UnreadableDatasetError) as error:
            _LOG.warning("attributes not read path=%s reason=%s", row.path, error)
            return None


class NodeSearch:
    """Finds what was received, and what the node has made of it up to now."""

    def __init__(self, objects: ObjectSearch, describing: Describing) -> None:
        self._objects = objects
        self._describing = describing

    def find(
        self,
        level: Level,
        query: Query,
        window: Window,
        *,
        without: frozenset[str] = frozenset(),
    ) -> Matches:
        """Return the entities of a level that match, as if the series ``without`` were not there.

        Raises
        ------
        UnusableQueryError
            A key is none of this level or those above it.
        """
        self._describing.new_evidence()
        return self._objects.find(level, query, window, without=without)
