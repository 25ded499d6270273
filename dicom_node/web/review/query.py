"""The queue's filters as the words of a URL, there and back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlencode

from dicom_node.domain.review.queue import ItemFilter, Page, Sort
from dicom_node.domain.review.review import OPEN_STATES, ReviewState
from dicom_node.domain.user import User

_PAGE_SIZE = 50


# Orders that say nothing of what a model found.
BLIND_SORTS = (Sort.OLDEST, Sort.NEWEST)


class Shown(StrEnum):
    """Which items the queue shows."""

    OPEN = "open"
    WAITING = "waiting"
    CLAIMED = "claimed"
    ADJUDICATING = "adjudicating"
    DECIDED = "decided"
    SUPERSEDED = "superseded"

    @property
    def is_open(self) -> bool:
        """Whether any of the items may wait for a verdict."""
        return bool(self.states & OPEN_STATES)

    @property
    def states(self) -> frozenset[ReviewState]:
        """The states of the items."""
        return OPEN_STATES if self is Shown.OPEN else frozenset({ReviewState(self.value)})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueQuery:
    """What somebody asks of the queue; ``search`` is the key of a search for a patient."""

    shown: Shown = Shown.OPEN
    sort: Sort = Sort.TRIAGE
    modality: str = ""
    device: str = ""
    label: str = ""
    mine: bool = False
    search: str = ""
    after: str = ""

    @classmethod
    def from_words(cls, words: Mapping[str, str]) -> "QueueQuery":
        """Read the words of a URL; what is unknown counts as not said."""
        shown, sort = words.get("shown", ""), words.get("sort", "")
        return cls(
            shown=Shown(shown) if shown in set(Shown) else Shown.OPEN,
            sort=Sort(sort) if sort in set(Sort) else Sort.TRIAGE,
            modality=words.get("modality", ""),
            device=words.get("device", ""),
            label=words.get("label", ""),
            mine=words.get("mine", "") == "1",
            search=words.get("search", "")[:64],
            after=words.get("after", ""),
        )

    def words(self) -> dict[str, str]:
        """Return the words that differ from an untouched queue's, without the page."""
        said = {
            "shown": "" if self.shown is Shown.OPEN else self.shown.value,
            "sort": "" if self.sort is Sort.TRIAGE else self.sort.value,
            "modality": self.modality,
            "device": self.device,
            "label": self.label,
            "mine": "1" if self.mine else "",
            "search": self.search,
        }
        return {name: value for name, value in said.items() if value}

    def url(self, *, after: str = "") -> str:
        """Return the address of this queue, or of its page after ``after``."""
        words = self.words() | ({"after": after} if after else {})
        return "/worklist" + (f"?{urlencode(words)}" if words else "")

    def filter_for(self, user: User, studies: frozenset[str] | None) -> ItemFilter:
        """Return the filter of the worklist; ``studies`` are those that the search finds."""
        return ItemFilter(
            states=self.shown.states,
            modality=self.modality,
            device_id=self.device,
            label=self.label,
            holder=user.name if self.mine else "",
            studies=studies,
        )

    def for_reader(self, user: User) -> "QueueQuery":
        """Return what somebody may ask for: who reads first asks nothing of what models found."""
        if not self.is_blind_for(user):
            return self
        sort = self.sort if self.sort in BLIND_SORTS else Sort.OLDEST
        return replace(self, label="", sort=sort)

    def is_blind_for(self, user: User) -> bool:
        """Whether somebody who reads first sees what was not decided: open, or superseded."""
        return user.reads_first and self.shown is not Shown.DECIDED

    @property
    def without_search(self) -> "QueueQuery":
        """The same queue of all patients."""
        return replace(self, search="", after="")

    @property
    def page(self) -> Page:
        """The page of the worklist."""
        return Page(size=_PAGE_SIZE, after=self.after)
