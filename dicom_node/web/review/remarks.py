"""What a reader must know of a result before judging it, as lines of the page."""

from collections.abc import Iterator
from dataclasses import dataclass

from ai_engine.prediction import RefusalReason
from dicom_node.domain.review.review import ReviewDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class RemarkLine:
    """One remark; ``image`` is the number of its image, 0 where the result has only one."""

    title: str
    image: int
    words: str
    warns: bool


def remark_lines(details: ReviewDetails) -> tuple[RemarkLine, ...]:
    """Return what is to be known: what warns first, then how the result came about."""
    lines = (*_remarks(details), *_refusals(details), *_external(details))
    return tuple(sorted(lines, key=lambda each: (not each.warns, each.image)))


def _remarks(details: ReviewDetails) -> Iterator[RemarkLine]:
    for each in details.remarks:
        yield RemarkLine(
            title=each.kind.value,
            image=_number(details, each.sop_instance_uid),
            words=each.detail,
            warns=each.kind.is_disagreement,
        )


def _refusals(details: ReviewDetails) -> Iterator[RemarkLine]:
    for each in details.refusals:
        yield RemarkLine(
            title="not analysed",
            image=_number(details, each.sop_instance_uid),
            words=": ".join(part for part in (each.reason, each.detail) if part),
            # A lateral beside a frontal image is no cause for alarm: no model was to look at it.
            warns=each.reason != RefusalReason.NO_IMAGE_MODEL,
        )


def _external(details: ReviewDetails) -> Iterator[RemarkLine]:
    for each in details.external:
        yield RemarkLine(
            title="report of another workstation",
            image=0,
            words=each.outcome,
            warns=not each.closed,
        )


def _number(details: ReviewDetails, sop_instance_uid: str) -> int:
    """Return which image of the viewer's order it is, counted from 1."""
    uids = [each.sop_instance_uid for each in details.images]
    return uids.index(sop_instance_uid) + 1 if len(uids) > 1 and sop_instance_uid in uids else 0
