"""Disk and retention: what room there is, what is kept for how long, and what goes next."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskRoom:
    """A folder that something is kept in, and its disk's bytes, in all and free."""

    folder: str
    total: int
    free: int

    @property
    def used(self) -> float:
        """The share of the disk that is used, 0 to 1."""
        return 1 - self.free / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How long images and results stay, as the settings ``retention.*`` say; 0: for ever.

    ``schedule`` is when they are removed (minute, hour, day, month, weekday, in UTC); empty: by
    hand. ``high_water`` is in per cent of the disk.
    """

    schedule: str
    image_days: float
    result_days: float
    high_water: float
    fewest_days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """What would go now; ``size`` in bytes.

    ``only_here`` counts studies whose results stay because their reports are nowhere else.
    """

    studies: int
    images: int
    results: int
    size: int
    only_here: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Looks at the disks, and says what retention would remove.

    ``rooms`` is None where a disk does not answer.
    """

    rooms: Callable[[], tuple[DiskRoom, ...] | None]
    keeping: Keeping
    going: Callable[[], Going]
