"""Disk life: images go when their time is over or the disk fills, and never before they may."""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

from dicom_node.archive import StorageArchive
from dicom_node.archive.layout import INCOMING, REFUSED, below
from dicom_node.backup.files import files_below
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.retention import RetentionRule, SettledStudy
from dicom_node.persistence.corridor.retention import RetentionStore

_LOG = logging.getLogger(__name__)
_PAGE = 100


@dataclass(slots=True)
class Removed:
    """What went, or would go: studies, their images and bytes, by age and for room."""

    by_age: list[SettledStudy] = field(default_factory=list)
    for_room: list[SettledStudy] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(each.size for each in chain(self.by_age, self.for_room))

    @property
    def instances(self) -> int:
        """Images."""
        return sum(each.instances for each in chain(self.by_age, self.for_room))


class Retention:
    """Removes images of settled studies by a rule; one at a time, by the clock or by hand."""

    def __init__(
        self,
        store: RetentionStore,
        *,
        data: Path,
        rule: RetentionRule,
        clock: Callable[[], datetime],
        disk: Callable[[Path], tuple[int, int]] | None = None,
    ) -> None:
        """Remove from the folder ``data``; ``disk`` returns its disk's bytes, in all and used."""
        self._store = store
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
        self._for_room(removed, dry=dry)
        if removed.size and not dry:
            _LOG.info(
                "retention studies_by_age=%d studies_for_room=%d images=%d bytes=%d",
                len(removed.by_age),
                len(removed.for_room),
                removed.instances,
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

    def _for_room(self, removed: Removed, *, dry: bool) -> None:
        if self._rule.high_water is None:
            return
        total, used = self._disk(self._data)
        if dry:
            used -= removed.size
        if used <= total * self._rule.high_water:
            return
        for study in self._settled(self._rule.may_go(self._clock())):
            if used <= total * self._rule.low_water:
                return
            if study in removed.by_age:
                continue
            if dry or self._remove(study, "images removed for room"):
                removed.for_room.append(study)
                used -= study.size
        if used > total * self._rule.low_water:
            _LOG.warning("retention: nothing more may go, and the disk stays %d bytes full", used)

    def _settled(self, before: datetime) -> Iterator[SettledStudy]:
        last = None
        while page := self._store.settled(before, after=last, limit=_PAGE):
            yield from page
            last = page[-1]

    def _remove(self, study: SettledStudy, why: str) -> bool:
        now = self._clock()
        said = f"{why} on {now:%Y-%m-%d}"
        if not self._store.forget_images(study, at=now, why=said):
            return False  # it has changed meanwhile
        self.finish()
        return True


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
    )


def orphans(
    archive: StorageArchive, named: Iterable[str], *, before: datetime
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
