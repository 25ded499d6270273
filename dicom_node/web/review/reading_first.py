"""Reading first: what a reader sees is said before the model's result is shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from dicom_node.domain.review.ct import PATTERNS
from dicom_node.domain.review.first_reading import FirstReading
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.review.review import OTHER_LABEL, ReviewDetails, ReviewItem
from dicom_node.domain.user import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that a reader is asked about."""

    label: str
    title: str


WithheldFrom = Callable[[User, str], bool]
"""Says whether somebody must say first what is to be seen on a study."""
UnreadBy = Callable[[User, str | None], frozenset[str]]
"""Says on which studies, of one or of all, somebody must say first what is to be seen."""


class Withheld:
    """Whose results of which studies are kept back, wherever they might be seen."""

    def __init__(self, review_queue: ReviewQueue) -> None:
        self._review_queue = review_queue

    def __call__(self, user: User, study_instance_uid: str) -> bool:
        """Whether somebody must say first what is to be seen on a study."""
        return bool(self.studies(user, study_instance_uid))

    def studies(self, user: User, study: str | None = None) -> frozenset[str]:
        """Return on which studies somebody must say first what is to be seen: of one, or of all."""
        return self._review_queue.unread_studies(
            user.name, everything=user.reads_first, study=study
        )


def hidden_of(review_queue: ReviewQueue, items: Sequence[ReviewItem], user: User) -> frozenset[str]:
    """Return the items whose result is kept from somebody: those that they must read first.

    With these go earlier results of their studies, which say much the same, unless the verdict on
    them is this reader's own.
    """
    open_ones = review_queue.unread_items(
        user.name,
        everything=user.reads_first,
        studies={each.study_instance_uid for each in items},
    )
    of_studies = frozenset(open_ones.values())
    return frozenset(
        each.item_id
        for each in items
        if each.item_id in open_ones
        or (
            not each.is_open
            and each.study_instance_uid in of_studies
            and user.name not in each.decided_by
        )
    )


def everything_is_read(_user: User, _study: str | None = None) -> frozenset[str]:
    """Return no study: where there is no worklist, nobody reads first."""
    return frozenset()


def withholds_nothing(_user: User, _study_instance_uid: str) -> bool:
    """Keep nothing back: where there is no worklist, nobody reads first."""
    return False


def asked_of(details: ReviewDetails) -> tuple[Asked, ...]:
    """Return what a reader is asked about: the model's labels, or a CT's patterns."""
    if details.ct is not None:
        return tuple(Asked(label=each, title=each.capitalize()) for each in PATTERNS)
    return tuple(
        Asked(label=each.label, title=each.title)
        for each in details.vocabulary
        if each.label != OTHER_LABEL
    )


def first_reading(
    details: ReviewDetails, reader: str, present: frozenset[str], comment: str
) -> FirstReading:
    """Return what a reader has said, beside what the model had found; only known labels count."""
    labels = tuple(each.label for each in asked_of(details))
    found = {each.label for each in details.findings if each.is_positive}
    if details.ct is not None:
        found = {each.pattern for each in details.ct.patterns}
    return FirstReading(
        item_id=details.item.item_id,
        reader=reader,
        labels=labels,
        present=tuple(each for each in labels if each in present),
        by_model=tuple(each for each in labels if each in found),
        comment=comment,
    )


def without_result(details: ReviewDetails) -> ReviewDetails:
    """Return an item's images alone: nothing of what the model says, or others say of it."""
    ct = details.ct
    if ct is not None:
        ct = replace(
            ct, lungs=(), patterns=(), key_slices=(), explanation=(), doubts=(), cautions=()
        )
    return replace(
        details, findings=(), remarks=(), made=(), external=(), readings=(), history=(), ct=ct
    )
