"""What fetching needs from outside, as Protocols."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import FoundSeries, FoundStudy, Prior, PriorSearch, SearchState
from dicom_node.domain.retrieval import ListedInstance, Purpose

# Images that were on their way when an archive stopped answering are still of what was fetched.
LATE = timedelta(seconds=60)


class ImageArchive(Protocol):
    """An archive that can be asked for images of studies that the node knows of."""

    def series_of(self, study_instance_uid: str) -> tuple[FoundSeries, ...]:
        """Return the series of a study, with the number of images of each where it counts."""

    def listed(self, study_instance_uid: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        """Return what it has of some series of a study."""

    def fetched(
        self, study_instance_uid: str, wanted: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        """Get instances; return those that came, durable."""


class PriorArchive(ImageArchive, Protocol):
    """An archive that can also be searched."""

    def studies_of(self, patient_id: str, *, until: str) -> tuple[FoundStudy, ...]:
        """Return the studies of a patient, up to a date (YYYYMMDD)."""


class RetrievalLedger(Protocol):
    """What is being fetched, noted before the first image of it comes."""

    def begin(self, study: str, archive: str, purpose: Purpose, *, at: datetime) -> None:
        """Note that images of a study come from an archive from now on, and what for."""

    def end(self, study: str, archive: str, purpose: Purpose, *, until: datetime) -> None:
        """Note when the last image of it comes."""

    def note(
        self, study: str, archive: str, purpose: Purpose, outcome: str, *, at: datetime
    ) -> None:
        """Note in words what came of it, also where nothing could be begun."""


class PriorLedger(Protocol):
    """Searches for priors, as a queue of rows, and the priors that were found."""

    def want(self, studies: Collection[str], archive: str, *, at: datetime) -> None:
        """Note that the priors of studies are to be searched for."""

    def due(self, now: datetime) -> PriorSearch | None:
        """Return what is to be searched for now."""

    def search(self, study_instance_uid: str) -> PriorSearch | None:
        """Return how far the search for a study's priors is."""

    def end(
        self, study_instance_uid: str, state: SearchState, *, at: datetime, reason: str = ""
    ) -> None:
        """Record that a search is over, and what came of it."""

    def postpone(self, study_instance_uid: str, until: datetime, *, reason: str) -> None:
        """Record that a search could not be done, and when it is tried again."""

    def subject(self, study_instance_uid: str) -> FoundStudy | None:
        """Return what is compared with priors."""

    def keep(self, prior: Prior) -> None:
        """Record how far the fetching of a prior is."""
