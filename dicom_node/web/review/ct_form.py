"""From the form beside a CT's slices to what an expert says of its figures.

Rows have fields that end in the row's number: ``kind.0`` (lung or pattern), ``label.0`` (which),
``judgement.0``, ``percentage.0`` and ``ungraded.0`` of a lung, ``changed_to.0`` of a pattern.
"""

from collections.abc import Iterable, Mapping

from dicom_node.domain.review.queue import UnusableVerdictError
from dicom_node.domain.review.review import CtVerdict, Judgement, LungVerdict, PatternVerdict

Row = Mapping[str, str]


def ct_verdict(rows: Iterable[Row]) -> CtVerdict:
    """Return what the rows of a form say.

    Raises
    ------
    UnusableVerdictError
        When something cannot be read; the message is for people.
    """
    said = [row for row in rows if row.get("judgement")]
    return CtVerdict(
        lungs=tuple(_lung(row) for row in said if row.get("kind") == "lung"),
        patterns=tuple(_pattern(row) for row in said if row.get("kind") == "pattern"),
    )


def _lung(row: Row) -> LungVerdict:
    judgement = _judgement(row)
    changed = judgement is Judgement.CHANGED
    return LungVerdict(
        side=row["label"],
        judgement=judgement,
        percentage=_percentage(row) if changed else None,
        is_gradable=not (changed and row.get("ungraded", "")),
        comment=row.get("comment", ""),
    )


def _pattern(row: Row) -> PatternVerdict:
    judgement = _judgement(row)
    return PatternVerdict(
        pattern=row["label"],
        judgement=judgement,
        changed_to=row.get("changed_to", "") if judgement is Judgement.CHANGED else "",
        comment=row.get("comment", ""),
    )


def _judgement(row: Row) -> Judgement:
    said = row["judgement"]
    if said not in set(Judgement):
        raise UnusableVerdictError(f"what is said of {row['label']} cannot be read")
    return Judgement(said)


def _percentage(row: Row) -> float:
    text = row.get("percentage", "").replace(",", ".").replace("%", "").strip()
    try:
        return float(text)
    except ValueError as error:
        raise UnusableVerdictError(
            f"give the share of the {row['label']} in per cent, 0 to 100"
        ) from error
