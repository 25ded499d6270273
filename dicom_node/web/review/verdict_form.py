"""From the study view's form to a verdict.

The form says ``overall`` (agree, correct or reject) and ``comment``; with ``correct``, each row of
findings has fields that end in the row's number: ``image.0``, ``label.0``, ``judgement.0``, …
"""

from collections.abc import Iterator, Mapping
from math import isfinite

from ai_engine.prediction import Region
from dicom_node.domain.review.ct import confirmed
from dicom_node.domain.review.queue import UnusableVerdictError
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    Laterality,
    ReviewDetails,
    Reviewer,
    Verdict,
)
from dicom_node.domain.review.verdicts import as_judged
from dicom_node.domain.review.words import one_line
from dicom_node.errors import InvalidFieldsError
from dicom_node.web.review.ct_form import ct_verdict

_SAY_FIRST = "say first whether you agree (A), correct, or reject the result"
LONGEST_COMMENT = 1024
_MOST_ROWS = 500


def verdict(form: Mapping[str, str], details: ReviewDetails, reviewer: Reviewer) -> Verdict:
    """Return the verdict that a form states.

    The viewer calls the only frame of an image its first; the verdict speaks of the image there.

    Raises
    ------
    UnusableVerdictError
        When the form says nothing, or something that cannot be read; the message is for people.
    InvalidFieldsError
        When comments are too long, field by field: nothing of them is cut off.
    """
    require_short_comments(form)
    overall = form.get("overall", "")
    comment = one_line(form.get("comment", ""))
    item_id = details.item.item_id
    if overall == "reject":
        return Verdict(item_id=item_id, reviewer=reviewer, rejected=True, comment=comment)
    if details.ct is not None:
        return _of_ct(form, overall, details.ct, item_id, reviewer)
    if overall == "agree":
        confirmed = tuple(_confirmed(each) for each in details.findings if each.is_positive)
        return Verdict(item_id=item_id, reviewer=reviewer, findings=confirmed, comment=comment)
    if overall == "correct":
        found = tuple(_rows(form))
        said = Verdict(item_id=item_id, reviewer=reviewer, findings=found, comment=comment)
        return as_judged(said, details.findings)
    raise UnusableVerdictError(_SAY_FIRST)


def require_short_comments(form: Mapping[str, str]) -> None:
    """Refuse comments that are longer than what is kept of one, each beside its field.

    Raises
    ------
    InvalidFieldsError
        Says of each too long one what to change.
    """
    wrong = {
        name: f"a comment has at most {LONGEST_COMMENT} characters"
        for name, value in form.items()
        if name.partition(".")[0] == "comment" and len(one_line(value)) > LONGEST_COMMENT
    }
    if wrong:
        raise InvalidFieldsError("this verdict", wrong)


def _of_ct(
    form: Mapping[str, str], overall: str, ct: CtUnderReview, item_id: str, reviewer: Reviewer
) -> Verdict:
    if overall not in ("agree", "correct"):
        raise UnusableVerdictError(_SAY_FIRST)
    said = confirmed(ct)
    if overall == "correct":
        rows = [{**row, "comment": one_line(row.get("comment", ""))} for row in _said(form)]
        said = ct_verdict(rows)
    comment = one_line(form.get("comment", ""))
    return Verdict(item_id=item_id, reviewer=reviewer, ct=said, comment=comment)


def _confirmed(finding: FindingUnderReview) -> FindingVerdict:
    return FindingVerdict(
        image_uid=finding.image_uid,
        label=finding.label,
        frame_number=finding.frame_number,
        judgement=Judgement.CONFIRMED,
    )


def _rows(form: Mapping[str, str]) -> Iterator[FindingVerdict]:
    for said in _said(form):
        if said.get("judgement"):
            yield _finding(said)


def _said(form: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Give the form row by row, without the numbers."""
    rows = sorted(
        {name.partition(".")[2] for name in form if name.startswith("label.")}, key=_row_number
    )
    if len(rows) > _MOST_ROWS:
        raise UnusableVerdictError(f"a verdict has at most {_MOST_ROWS} findings")
    for row in rows:
        yield {
            name.partition(".")[0]: value
            for name, value in form.items()
            if name.partition(".")[2] == row
        }


def _finding(said: Mapping[str, str]) -> FindingVerdict:
    judgement, side = said["judgement"], said.get("laterality", "")
    if judgement not in set(Judgement) or (side and side not in set(Laterality)):
        raise UnusableVerdictError(f"what is said of {said['label']} cannot be read")
    frame = said.get("frame", "")
    return FindingVerdict(
        image_uid=said.get("image", ""),
        label=said["label"],
        judgement=Judgement(judgement),
        frame_number=int(frame) if frame.isdecimal() and len(frame) < 10 else None,
        changed_to=said.get("changed_to", "") if judgement == Judgement.CHANGED else "",
        laterality=Laterality(side) if side else None,
        box=_box(said.get("box", "")),
        comment=one_line(said.get("comment", "")),
    )


def _box(text: str) -> Region | None:
    """Read ``left,top,right,bottom`` in the image's pixel coordinates."""
    if not text:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UnusableVerdictError("a box has four numbers: left, top, right, bottom") from error
    if not (left < right and top < bottom and all(map(isfinite, (left, top, right, bottom)))):
        raise UnusableVerdictError("a box needs some width and height: draw it again")
    return Region(left=left, top=top, right=right, bottom=bottom)


def _row_number(row: str) -> int:
    return int(row) if row.isdecimal() and len(row) < 10 else _MOST_ROWS
