"""What readers who agree say together: one reading counts, and nothing of the others' is lost."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ai_engine.ct.shares import share_in_words
from dicom_node.domain.review.review import (
    OTHER_LABEL,
    CtVerdict,
    FindingUnderReview,
    FindingVerdict,
    Laterality,
    Reviewer,
    Verdict,
)
from dicom_node.domain.review.verdicts import sides_of, subject_of

_SIDES = {
    Laterality.RIGHT: "right",
    Laterality.LEFT: "left",
    Laterality.BILATERAL: "both sides",
}


def consensus(readings: Sequence[Verdict], findings: Sequence[FindingUnderReview]) -> Verdict:
    """Return the reading that counts, with what the other readers wrote in its comment.

    The reading of the last reader who may verify counts, because the report is verified in that
    reader's name; where nobody may, the last one. Where more than one reader has written
    something, or only another one has, each text stands behind its writer's name. A side that only
    another reader gives is told there too, and not in the finding itself; so is a share of a CT's
    lung that differs by as little as readers may differ.

    Parameters
    ----------
    readings
        The readings that agree, oldest first; at least one.
    """
    counting = next((each for each in reversed(readings) if each.reviewer.may_verify), readings[-1])
    titles = {each.label: each.title for each in findings}
    written = [
        (each, line) for each in readings for line in _lines(each, counting=counting, titles=titles)
    ]
    if all(each is counting for each, _ in written):
        return counting
    return replace(counting, comment="\n".join(line for _, line in written))


def _lines(reading: Verdict, *, counting: Verdict, titles: dict[str, str]) -> Iterator[str]:
    """Give a reader's comment; of another reader also what is said of single findings."""
    name = _name(reading.reviewer)
    if reading.comment:
        yield f"{name}: {reading.comment}"
    if reading is counting:
        return
    sides = sides_of(counting)
    for each in reading.findings:
        side = _SIDES[each.laterality] if each.laterality and subject_of(each) not in sides else ""
        # The words of another finding are its name, in which the readers agree.
        words = "" if OTHER_LABEL in (each.label, each.changed_to) else each.comment
        if said := ", ".join(filter(None, (side, words))):
            yield f"{name} on {_title(each, titles)}: {said}"
    if reading.ct is not None and counting.ct is not None:
        for title, said in _of_ct(reading.ct, counting.ct):
            yield f"{name} on {title}: {said}"


def _of_ct(reading: CtVerdict, counting: CtVerdict) -> Iterator[tuple[str, str]]:
    """Give what another reader says of a CT's lungs and patterns: other shares, and comments."""
    shares = {each.side: each.percentage for each in counting.lungs}
    for lung in reading.lungs:
        share = ""
        if lung.percentage is not None and lung.percentage != shares.get(lung.side):
            share = share_in_words(lung.percentage)
        if said := ", ".join(filter(None, (share, lung.comment))):
            yield lung.side, said
    for pattern in reading.patterns:
        if pattern.comment:
            yield pattern.changed_to or pattern.pattern, pattern.comment


def _title(said: FindingVerdict, titles: dict[str, str]) -> str:
    label = said.changed_to or said.label
    return " ".join(said.comment.split()) if label == OTHER_LABEL else titles.get(label, label)


def _name(reviewer: Reviewer) -> str:
    """Return a person name (PS3.5 6.2) as text: family name, given name."""
    components = reviewer.person_name.split("=")[0].split("^")[:2]
    return ", ".join(filter(None, components)) or reviewer.user_name
