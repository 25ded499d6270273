"""Reception: what the receivers report becomes index rows, and ended associations end studies."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import AssociationEnded
from dicom_node.errors import NotFoundError
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.ports import StudyStore

_LOG = logging.getLogger(__name__)
_BATCH = 500


class Associations(Protocol):
    """Which studies the associations that are open now have brought instances of."""

    def opened(self, association_id: str, calling_ae: str = "") -> None:
        """Note that an association has been accepted."""

    def carried(self, brought: Iterable[tuple[str, str]]) -> None:
        """Note which associations have brought instances of which studies."""

    def closed(self, association_id: str) -> frozenset[str]:
        """Note that an association has ended; return the studies that it had brought."""

    def carries(self, study_instance_uid: str) -> bool:
        """Whether an open association has brought instances of this study."""

    def __len__(self) -> int:
        """Return how many associations are open on this host."""


class OpenAssociations:
    """The open associations of the only host there is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._studies: dict[str, set[str]] = {}

    def opened(self, association_id: str, calling_ae: str = "") -> None:
        """Note that an association has been accepted."""
        del calling_ae
        with self._lock:
            self._studies.setdefault(association_id, set())

    def carried(self, brought: Iterable[tuple[str, str]]) -> None:
        """Note which associations have brought instances of which studies."""
        with self._lock:
            for association_id, study_instance_uid in brought:
                self._studies.setdefault(association_id, set()).add(study_instance_uid)

    def closed(self, association_id: str) -> frozenset[str]:
        """Note that an association has ended; return the studies that it had brought."""
        with self._lock:
            return frozenset(self._studies.pop(association_id, ()))

    def carries(self, study_instance_uid: str) -> bool:
        """Whether an open association has brought instances of this study."""
        with self._lock:
            return any(study_instance_uid in studies for studies in self._studies.values())

    def __len__(self) -> int:
        """Return how many associations are open."""
        with self._lock:
            return len(self._studies)


class Transfers:
    """Which transfers of a study went on beside one of the same sender that broke off.

    The end of such a one is no retry: it has brought what it was to bring, and not the rest of the
    other's.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[str, set[str]]] = {}
        self._beside: set[tuple[str, str]] = set()
        self._over: set[str] = set()

    def carried(self, brought: Sequence[tuple[str, ReceivedInstance]]) -> None:
        """Note which associations of whom have brought instances of which studies."""
        for association_id, instance in brought:
            _, studies = self._open.setdefault(association_id, (instance.calling_ae, set()))
            studies.add(instance.study_instance_uid)

    def ended(self, ended: AssociationEnded) -> None:
        """Note that an association has ended, and what its sender carries on with meanwhile."""
        calling_ae, studies = self._open.pop(ended.association_id, (ended.calling_ae, set()))
        self._over.add(ended.association_id)
        if not ended.end.orderly:
            self._beside.update(
                (association_id, study)
                for association_id, (other_ae, others) in self._open.items()
                if other_ae == calling_ae
                for study in studies & others
            )

    def was_beside(self, association_id: str, study_instance_uid: str) -> bool:
        """Whether it had begun when another one of the same sender and study broke off."""
        return (association_id, study_instance_uid) in self._beside

    def forget(self) -> None:
        """Forget the associations that have ended: what they brought has been checked."""
        self._beside = {each for each in self._beside if each[0] not in self._over}
        self._over.clear()


class Reception:
    """Turns what receivers report into committed rows and completion checks."""

    def __init__(
        self,
        *,
        index: StudyStore,
        associations: Associations,
        completion: Completion,
        arrived: Callable[[Collection[str]], None] = lambda _studies: None,
        looked_at: Callable[[Sequence[ReceivedInstance]], None] = lambda _instances: None,
    ) -> None:
        """Keep the parts.

        ``arrived`` is told of studies that have new images, and ``looked_at`` of the images, as
        they come.
        """
        self._looked_at = looked_at
        self._arrived = arrived
        self._unchecked: dict[str, list[AssociationEnded]] = {}
        self._transfers = Transfers()
        self._index = index
        self._associations = associations
        self._completion = completion

    def received(self, brought: Sequence[tuple[str, ReceivedInstance]]) -> None:
        """Commit a batch of instances, each with the association that brought it."""
        if brought:
            self._associations.carried(
                (association_id, instance.study_instance_uid)
                for association_id, instance in brought
            )
            self._transfers.carried(brought)
            instances = [instance for _, instance in brought]
            # They are stored; what is found in them before they are rows is asked for later alone.
            self._looked_at(instances)
            self._arrived(self._index.record(instances))

    def ended(self, ends: Iterable[AssociationEnded]) -> None:
        """Let every study that these associations brought be checked for completion.

        An association that ended in any other way than by release may have had more to bring. Where
        the index cannot be written, the rest is done at the next call.
        """
        for ended in ends:
            self._transfers.ended(ended)
            for study_instance_uid in self._associations.closed(ended.association_id):
                self._unchecked.setdefault(study_instance_uid, []).append(ended)
        self._completion.will_check(self._unchecked)
        try:
            self._check_all()
        finally:  # what could not be checked is for the sweep, too
            self._completion.will_check(())

    def _check_all(self) -> None:
        for study_instance_uid in sorted(self._unchecked):
            for ended in self._unchecked.get(study_instance_uid, ()):
                self._note_end(study_instance_uid, ended)
            if not self._associations.carries(study_instance_uid):
                self._expect(study_instance_uid)
            self._unchecked.pop(study_instance_uid, None)
        self._transfers.forget()

    def reported(self, study_instance_uids: Iterable[str]) -> None:
        """Check studies of which a modality or an archive has said something."""
        for study_instance_uid in study_instance_uids:
            if not self._associations.carries(study_instance_uid):
                with suppress(NotFoundError):  # the report came before the first image
                    self._completion.expect(study_instance_uid)

    def _note_end(self, study_instance_uid: str, ended: AssociationEnded) -> None:
        if ended.end.orderly:
            if self._transfers.was_beside(ended.association_id, study_instance_uid):
                return
            self._index.resumed(study_instance_uid, sender=ended.calling_ae)
            return
        _LOG.warning("transfer interrupted study=%s how=%s", study_instance_uid, ended.end.value)
        self._index.interrupted(study_instance_uid, ended.end, sender=ended.calling_ae)

    def _expect(self, study_instance_uid: str) -> None:
        try:
            self._completion.expect(study_instance_uid)
        except NotFoundError:
            # Everything that came under this study is a conflict with an object of another one.
            _LOG.warning(
                "nothing to analyse study=%s: all that it brought conflicts with what came before",
                study_instance_uid,
            )

    def reconcile(self, stored: Iterable[ReceivedInstance]) -> int:
        """Index objects that are in the archive, whatever kept them out of the index so far.

        Returns how many studies have instances that were new to the index.
        """
        reopened: set[str] = set()
        for batch in batched(stored, _BATCH):
            reopened |= self._index.record(batch)
        self._arrived(reopened)
        for study_instance_uid in sorted(reopened):
            self._completion.expect(study_instance_uid)
        if reopened:
            _LOG.info("reconciled studies=%d: the archive held more than the index", len(reopened))
        return len(reopened)


def batched(
    instances: Iterable[ReceivedInstance], size: int
) -> Iterator[tuple[ReceivedInstance, ...]]:
    """Yield ``instances`` in tuples of at most ``size``."""
    remaining = iter(instances)
    while batch := tuple(islice(remaining, size)):
        yield batch
