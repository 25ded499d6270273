"""How long received images and results are kept, and what may go before that."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRule:
    """Images of settled studies go after ``longest``, the oldest sooner where the disk fills.

    ``longest`` is ``None`` where time alone removes nothing. Above ``high_water`` of the disk
    (0 to 1; ``None``: never) the oldest go until ``low_water`` is reached, but none that came
    within ``shortest``.

    Results go after ``results_longest`` (``None``: never), and sooner where the images that may go
    are not enough; never before the images of their study, and never reports.
    """

    longest: timedelta | None
    high_water: float | None
    low_water: float
    shortest: timedelta
    results_longest: timedelta | None = None

    def too_old(self, now: datetime) -> datetime | None:
        """Return since when a study must have been quiet for its images to go by age."""
        return None if self.longest is None else now - self.longest

    def results_too_old(self, now: datetime) -> datetime | None:
        """Return since when a study must have been quiet for its results to go by age."""
        return None if self.results_longest is None else now - self.results_longest

    def may_go(self, now: datetime) -> datetime:
        """Return since when a study must have been quiet for its images to go for room."""
        return now - self.shortest


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledStudy:
    """A study with which nothing is left to be done.

    It has been analysed or no route wanted it, everything was delivered, nothing is held back or
    waits for an expert. ``size`` is that of its images, in bytes.
    """

    study_instance_uid: str
    last_received_at: datetime
    instances: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledResults:
    """Results of a settled study that may go: all but reports.

    ``paths`` lie in the archive of evidence. ``has_images``: the node has images of the study
    still. ``only_here``: some of its reports were stored nowhere else, and so all of it stays.
    """

    study_instance_uid: str
    last_received_at: datetime
    paths: tuple[str, ...]
    has_images: bool
    only_here: bool
