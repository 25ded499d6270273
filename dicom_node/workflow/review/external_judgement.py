"""What a report of another workstation says of each of a model's findings, or why that is in doubt.

What it does not say beyond doubt must not become a truth: then the item stays open for a reader.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from dicom_node.domain.review.review import (
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    ReviewItem,
)
from dicom_node.domain.review.verdicts import Place, place_of
from dicom_node.errors import NotFoundError
from sr_templates.report_reading import Coded, ReportedFinding, same_concept

_STAYS_OPEN = "it is stored, and the item stays open for a reader"


def judged(
    item: ReviewItem,
    findings: Sequence[FindingUnderReview],
    said: Sequence[ReportedFinding],
    unread: Collection[str],
    *,
    replaces: bool,
    frame_counts: Mapping[str, int],
) -> tuple[FindingVerdict, ...]:
    """Translate a report's findings into a verdict on each of the model's.

    Parameters
    ----------
    said, unread
        What the report says of findings, and the names of those that it leaves in doubt.
    replaces
        Whether the report takes the place of the node's. Then it says what is there, and what it
        does not name is not; any other report must speak of each finding.
    frame_counts
        How many frames each image has.

    Raises
    ------
    NotFoundError
        When something is in doubt; the message says what.
    """
    _check_understood(item, findings, said, unread)
    heard: dict[Place, set[bool | None]] = {}
    for statement in said:
        for finding in _meant(item, findings, statement, frame_counts):
            heard.setdefault(place_of(finding), set()).add(statement.present)
    return tuple(
        FindingVerdict(
            image_uid=finding.image_uid,
            frame_number=finding.frame_number,
            label=finding.label,
            judgement=judgement,
        )
        for finding in findings
        for judgement in _judgements(finding, heard.get(place_of(finding), set()), replaces)
    )


def coded(finding: FindingUnderReview) -> Coded:
    """Return a finding's code as reports have it."""
    return finding.code.value, finding.code.scheme


def unreadable(reason: str) -> NotFoundError:
    """Return the error for a report that says nothing which could be used."""
    return NotFoundError(f"{reason}: {_STAYS_OPEN}")


def plain(value: object) -> str:
    """Return a text of others without what a database may refuse."""
    return "".join(letter for letter in str(value or "") if letter.isprintable())


def _check_understood(
    item: ReviewItem,
    findings: Sequence[FindingUnderReview],
    said: Sequence[ReportedFinding],
    unread: Collection[str],
) -> None:
    known = {coded(each) for each in findings}
    unknown = {each.meaning for each in said if each.present and not _is_known(each, known)}
    if unknown:
        raise unreadable(
            f"the report names findings that model {item.model.name} does not know "
            f"({_listed(unknown)})"
        )
    if unread:
        raise unreadable(
            f"the report does not say beyond doubt whether this is there: {_listed(unread)}"
        )
    if not any(_is_known(each, known) for each in said):
        raise unreadable("no finding of the model could be read from the report")


def _is_known(statement: ReportedFinding, known: Collection[Coded]) -> bool:
    return any(same_concept(statement.code, each) for each in known)


def _listed(meanings: Collection[str]) -> str:
    return "; ".join(sorted(map(plain, meanings)))


def _meant(
    item: ReviewItem,
    findings: Sequence[FindingUnderReview],
    statement: ReportedFinding,
    frame_counts: Mapping[str, int],
) -> Sequence[FindingUnderReview]:
    """Return the findings of the model that a statement speaks of."""
    alike = [each for each in findings if same_concept(coded(each), statement.code)]
    if not alike:
        return ()
    images = {each.image_uid for each in findings}
    if not statement.image_uid and max(item.image_count, len(images)) > 1:
        raise unreadable(f"the report does not say on which image it means {alike[0].title}")
    wanted = statement.image_uid or next(iter(images))
    places = [each for each in alike if each.image_uid == wanted]
    if not places:
        raise unreadable(
            f"the report speaks of {alike[0].title} on an image that the model did not judge"
        )
    meant = _on_frames(places, statement, frame_counts.get(wanted, 1))
    if not meant:
        raise unreadable(
            f"the report speaks of {alike[0].title} on other frames than the model judged"
        )
    return meant


def _on_frames(
    places: Sequence[FindingUnderReview], statement: ReportedFinding, frame_count: int
) -> Sequence[FindingUnderReview]:
    """Return those of an image's places that a statement is about; none where that is in doubt.

    What is on one frame is on the image, but what is missing on one may be on another. Of several
    frames, what is there need not be on each.
    """
    frames = set(statement.frame_numbers) or set(range(1, frame_count + 1))
    if all(each.frame_number is None for each in places):
        is_whole = len(frames) == frame_count
        return places if statement.present or is_whole else ()
    meant = [each for each in places if each.frame_number in frames]
    if statement.present is False:
        return meant
    return meant if len(frames) == len(meant) == 1 else ()


def _judgements(
    finding: FindingUnderReview, heard: Collection[bool | None], replaces: bool
) -> Iterator[Judgement]:
    """Give the verdict on one finding; none on what the model denies and the report passes over."""
    if len(heard) > 1:
        raise unreadable(f"the report says different things of {finding.title} on one image")
    if not heard and not replaces:
        raise unreadable(
            f"the report does not take the place of the node's and says nothing of {finding.title}"
        )
    present = next(iter(heard), False)
    if present is None:
        yield Judgement.UNSURE
    elif finding.is_positive:
        yield Judgement.CONFIRMED if present else Judgement.REJECTED
    elif present:
        yield Judgement.ADDED
    elif heard:
        yield Judgement.CONFIRMED
