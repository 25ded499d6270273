"""Disk life: images and results go when their time is over or the disk fills, if they may go."""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from dicom_node.archive.layout import INCOMING, REFUSED, below
from dicom_node.audit.events import deletion
from dicom_node.audit.trail import Record, unrecorded
from dicom_node.backup.files import files_below
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.retention import RetentionRule, SettledResults, SettledStudy
from dicom_node.persistence.corridor.retention import RetentionStore

if TYPE_CHECKING:
    from dicom_node.archive.storage import StorageArchive

_LOG = logging.getLogger(__name__)
_PAGE = 100
# By whom the audit trail says that the clock has removed something.
_BY_CLOCK = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovedResults:
    """Results of a study; ``size`` in bytes."""

    study_instance_uid: str
    last_received_at: datetime
    results: int
    size: int


@dataclass(slots=True)
class Removed:
    """What went, or would go: studies, their images, results and bytes, by age and for room.

    ``only_here`` counts the studies whose results would have gone, were they somewhere else too.
    """

    by_age: list[SettledStudy] = field(default_factory=list)
    for_room: list[SettledStudy] = field(default_factory=list)
    results_by_age: list[RemovedResults] = field(default_factory=list)
    results_for_room: list[RemovedResults] = field(default_factory=list)
    only_here: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        """Bytes."""
        images = sum(each.size for each in chain(self.by_age, self.for_room))
        results = sum(each.size for each in chain(self.results_by_age, self.results_for_room))
        return images + results

    @property
    def studies(self) -> frozenset[str]:
        """The Study Instance UIDs of all of it."""
        images = (each.study_instance_uid for each in chain(self.by_age, self.for_room))
        made = chain(self.results_by_age, self.results_for_room)
        return frozenset(chain(images, (each.study_instance_uid for each in made)))

    @property
    def results(self) -> int:
        """Result objects."""
        return sum(each.results for each in chain(self.results_by_age, self.results_for_room))

    @property
    def instances(self) -> int:
        """Images."""
        return sum(each.instances for each in chain(self.by_age, self.for_room))


class Retention:
    """Removes images and results of settled studies by a rule; by the clock or by hand."""

    def __init__(
        self,
        store: RetentionStore,
        *,
        data: Path,
        result_path: Callable[[str], Path],
        rule: RetentionRule,
        clock: Callable[[], datetime],
        disk: Callable[[Path], tuple[int, int]] | None = None,
        record: Record = unrecorded,
        user: str = _BY_CLOCK,
    ) -> None:
        """Remove from the folder ``data``; ``disk`` returns its disk's bytes, in all and used.

        ``result_path`` says where a result lies; ``record`` tells the audit trail what ``user``
        removed.
        """
        self._store = store
        self._result_path = result_path
        self._record = record
        self._user = user
        self._data = data
        self._rule = rule
        self._clock = clock
        self._disk = disk or _disk

    def run(self, *, dry: bool = False) -> Removed:
        """Remove what is to go; where it is ``dry``, only say what that is."""
        if not dry:
            self.finish()
        removed = Removed()
        self._by_age(removed, dry=dry)
        self._results_by_age(removed, dry=dry)
        self._for_room(removed, dry=dry)
        if removed.size and not dry:
            _LOG.info(
                "retention studies_by_age=%d studies_for_room=%d images=%d results=%d bytes=%d",
                len(removed.by_age),
                len(removed.for_room),
                removed.instances,
                removed.results,
                removed.size,
            )
        return removed

    def finish(self) -> None:
        """Remove the files that are noted for removal, also those of a run that broke off."""
        remove_noted(self._store, self._data)

    def _by_age(self, removed: Removed, *, dry: bool) -> None:
        before = self._rule.too_old(self._clock())
        if before is None:
            return
        for study in self._settled(before):
            if dry or self._remove(study, "images removed by age"):
                removed.by_age.append(study)

    def _results_by_age(self, removed: Removed, *, dry: bool) -> None:
        before = self._rule.results_too_old(self._clock())
        if before is None:
            return
        for results in self._settled_results(before, removed):
            size = self._size(results)
            if dry or self._remove_results(results, "results removed by age"):
                removed.results_by_age.append(_removed(results, size))

    def _for_room(self, removed: Removed, *, dry: bool) -> None:
        if self._rule.high_water is None:
            return
        total, used = self._disk(self._data)
        if dry:
            used -= removed.size
        if used <= total * self._rule.high_water:
            return
        excess = used - total * self._rule.low_water
        excess = self._images_for_room(excess, removed, dry=dry)
        if self._rule.results_longest is not None:
            excess = self._results_for_room(excess, removed, dry=dry)
        if excess > 0:
            _LOG.warning("retention: nothing more may go, and %d bytes too many are used", excess)

    def _images_for_room(self, excess: float, removed: Removed, *, dry: bool) -> float:
        """Remove images until ``excess`` bytes are freed; return how many are left to be."""
        for study in self._settled(self._rule.may_go(self._clock())):
            if excess <= 0:
                break
            if study in removed.by_age:
                continue
            if dry or self._remove(study, "images removed for room"):
                removed.for_room.append(study)
                excess -= study.size
        return excess

    def _results_for_room(self, excess: float, removed: Removed, *, dry: bool) -> float:
        """Remove results until ``excess`` bytes are freed; return how many are left to be."""
        for results in self._settled_results(self._rule.may_go(self._clock()), removed):
            if excess <= 0:
                break
            size = self._size(results)
            if dry or self._remove_results(results, "results removed for room"):
                removed.results_for_room.append(_removed(results, size))
                excess -= size
        return excess

    def _settled(self, before: datetime) -> Iterator[SettledStudy]:
        last = None
        while page := self._store.settled(before, after=last, limit=_PAGE):
            yield from page
            last = page[-1]

    def _remove(self, study: SettledStudy, why: str) -> bool:
        return self._forget(self._store.forget_images, study, why)

    def _settled_results(self, before: datetime, removed: Removed) -> Iterator[SettledResults]:
        """Yield results that go: of studies without images, and of which reports are elsewhere."""
        gone = {each.study_instance_uid for each in chain(removed.by_age, removed.for_room)}
        gone_already = {each.study_instance_uid for each in removed.results_by_age}
        last = None
        while page := self._store.settled_results(before, after=last, limit=_PAGE):
            for each in page:
                uid = each.study_instance_uid
                if uid in gone_already or (each.has_images and uid not in gone):
                    continue
                if each.only_here:
                    removed.only_here.add(uid)
                else:
                    yield each
            last = page[-1]

    def _remove_results(self, results: SettledResults, why: str) -> bool:
        return self._forget(self._store.forget_results, results, why)

    def _forget(
        self, forget: Callable[..., bool], study: SettledStudy | SettledResults, why: str
    ) -> bool:
        """Remove what ``forget`` forgets of a study; False where that has changed meanwhile."""
        now = self._clock()
        said = f"{why} on {now:%Y-%m-%d}"
        if not forget(study, at=now, why=said):
            return False
        self._record(deletion(study.study_instance_uid, user=self._user, at=now, why=said))
        self.finish()
        return True

    def _size(self, results: SettledResults) -> int:
        return sum(_size_of(self._result_path(each)) for each in results.paths)


def _removed(results: SettledResults, size: int) -> RemovedResults:
    return RemovedResults(
        study_instance_uid=results.study_instance_uid,
        last_received_at=results.last_received_at,
        results=len(results.paths),
        size=size,
    )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def remove_noted(store: RetentionStore, data: Path) -> None:
    """Remove the files of the data folder that no row names any more."""
    while paths := store.removals():
        for path in paths:
            _remove(below(data, path), data)
        store.removed(paths)


def retention_rule(settings: NodeSettings) -> RetentionRule:
    """Return the rule that the settings give."""
    kept = settings.retention
    return RetentionRule(
        longest=timedelta(days=kept.image_days) if kept.image_days else None,
        high_water=kept.high_water / 100 if kept.high_water else None,
        low_water=max(kept.high_water - kept.freed, 0.0) / 100,
        shortest=timedelta(days=kept.fewest_days),
        results_longest=timedelta(days=kept.result_days) if kept.result_days else None,
    )


def orphans(
    archive: "StorageArchive", named: Iterable[str], *, before: datetime
) -> tuple[tuple[str, int], ...]:
    """Return files of an archive that no row names, with their bytes; younger ones may get a row.

    Results are kept before their rows are: a node that stops in between leaves such files.
    """
    known = frozenset(named)
    return tuple(
        (str(each), size)
        for each in files_below(archive.root, (INCOMING, REFUSED))
        if str(each) not in known
        and (size := _size_if_older(archive.root / each, before.timestamp())) is not None
    )


def _size_if_older(path: Path, moment: float) -> int | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_size if status.st_mtime < moment else None


def _disk(folder: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(folder)
    return usage.total, usage.total - usage.free


def _remove(path: Path, root: Path) -> None:
    """Remove a file, and the folders that are empty without it."""
    path.unlink(missing_ok=True)
    for folder in path.parents:
        if folder.parent == root:
            return
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:  # something is in it
            return
