"""What a model's card limits it to, held against what an image's header says."""

import math
from collections.abc import Iterator, Sequence

from ai_engine.library.card import ModelCard
from ai_engine.prediction import Refusal, RefusalReason, Remark, RemarkKind
from ai_engine.preprocessing.radiograph import Radiograph

YOUNGER = "The patient's age in years is below {years:g}; the model was made for older patients."
OLDER = "The patient's age in years is above {years:g}; the model was made for younger patients."
UNKNOWN = (
    "The header tells no age that holds (by Patient's Age, or a birth date with the study's date), "
    "and the model was made for {ages} only."
)


def limits_age(card: ModelCard) -> bool:
    """Whether a card says for which ages its model is."""
    return card.youngest > 0 or card.oldest > 0


def age_objection(card: ModelCard, age: float | None) -> str:
    """Why an age in years is outside of a card's limits; empty where it is not, or not known."""
    if age is None:
        return ""
    if age < card.youngest:
        return YOUNGER.format(years=card.youngest)
    # Who is 90 stays so for a year.
    years = math.floor(age) if card.oldest.is_integer() else age
    return OLDER.format(years=card.oldest) if 0 < card.oldest < years else ""


def age_remarks(card: ModelCard, radiograph: Radiograph) -> Iterator[Remark]:
    """Say that a patient's age is outside of what the model is for, or unknown."""
    yield from remarks_on_age(card, radiograph.patient.age, radiograph.sop_instance_uid)


def remarks_on_age(card: ModelCard, age: float | None, uid: str) -> Iterator[Remark]:
    """Say it of an age in years, None where it is not known, of the patient on an image."""
    if words := age_objection(card, age):
        yield Remark(kind=RemarkKind.AGE_OUTSIDE, sop_instance_uid=uid, detail=words)
    elif limits_age(card) and age is None:
        detail = UNKNOWN.format(ages=_ages(card))
        yield Remark(kind=RemarkKind.AGE_UNKNOWN, sop_instance_uid=uid, detail=detail)


def refused_by_age(
    card: ModelCard, radiographs: Sequence[Radiograph]
) -> tuple[list[Radiograph], list[Refusal]]:
    """The images that a model may see by its card, and refusals of others, where the card refuses.

    An age that is not known is no reason to refuse.
    """
    passed, refused = list[Radiograph](), list[Refusal]()
    for each in radiographs:
        words = age_objection(card, each.patient.age) if card.refuses_other_ages else ""
        if words:
            refused.append(
                Refusal(
                    sop_instance_uid=each.sop_instance_uid,
                    reason=RefusalReason.AGE_OUTSIDE,
                    detail=words,
                )
            )
        else:
            passed.append(each)
    return passed, refused


def _ages(card: ModelCard) -> str:
    if not card.oldest:
        return f"patients whose age in years is {card.youngest:g} or more"
    return f"patients whose age in years is {card.youngest:g} to {card.oldest:g}"
