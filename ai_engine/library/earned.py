"""Which of a model's labels may be reported by name, and what stands for the others.

A network that learned "pneumonia" from pneumonias and healthy lungs has learned "abnormal",
whatever its output is called. So a finding is named only where the card shows that the model tells
it from *other abnormal images*: an AUC against abnormal controls, on images that neither trained
nor chose anything, whose 95 % interval lies above chance. What was not shown is reported as
abnormal.
"""

from collections.abc import Iterable
from dataclasses import replace

from ai_engine.errors import ModelFolderError
from ai_engine.library.card import CARD_NAME, Label, Metric, ModelCard
from ai_engine.library.labels import OF_THE_IMAGE, reported_label
from ai_engine.prediction import ABNORMAL, NO_FINDING, Code

AMONG_ABNORMAL = "abnormal controls"
"""The group of a card's metrics whose negatives are abnormal images without the finding."""

CHANCE = 0.5
"""The AUC of a label that tells nothing."""

LEARNED_FROM = frozenset({"train", "valid"})
"""Splits whose figures show nothing: weights, epoch and thresholds were made on them."""

BEFORE_TUNING = "before fine-tuning: "
"""What a figure's split begins with that was measured on the weights fine-tuning started from."""

_ANY_ABNORMAL = Code(value="263654008", scheme="SCT", meaning="Abnormal")


def names_disease(label: Label) -> bool:
    """Whether a label says more than normal, abnormal, or what an image is of."""
    return label.name not in NO_FINDING | OF_THE_IMAGE | {ABNORMAL}


def evidence_of(card: ModelCard, label: Label) -> tuple[Metric, ...]:
    """What a card holds on whether a label is told from other abnormal images."""
    return tuple(
        each
        for each in card.metrics
        if (each.name, each.label, each.group) == ("auc", label.name, AMONG_ABNORMAL)
        and each.split not in LEARNED_FROM
    )


def is_earned(card: ModelCard, label: Label) -> bool:
    """Whether a label may be reported by its name.

    Every label that names no disease may. One that does needs an AUC among abnormal images with
    the interval above chance, and none with the interval below it.
    """
    if not names_disease(label):
        return True
    found = evidence_of(card, label)
    return any(each.low > CHANCE for each in found) and all(each.high > CHANCE for each in found)


def unearned_labels(card: ModelCard) -> tuple[Label, ...]:
    """The labels that are not reported by name, in the card's order."""
    return tuple(label for label in card.labels if not is_earned(card, label))


def reported_labels(card: ModelCard) -> tuple[Label, ...]:
    """What results name, devices are calibrated for and experts decide on.

    Those that are earned, in the card's order. Where others are not, `ABNORMAL` stands for them:
    the card's own label of that name, or one made of them; "no finding", which would say the same
    the other way round, is left out then.
    """
    unearned = unearned_labels(card)
    if not unearned:
        return card.labels
    kept = tuple(label for label in card.labels if label not in unearned)
    if any(label.name == ABNORMAL for label in kept):
        return kept
    kept = tuple(label for label in kept if label.name not in NO_FINDING)
    return (*kept, _abnormal(card, unearned))


def _abnormal(card: ModelCard, folded: tuple[Label, ...]) -> Label:
    """The label that stands for several; with one, its threshold, else the middle."""
    threshold = folded[0].threshold if len(folded) == 1 else CHANCE
    label = reported_label(ABNORMAL, threshold=threshold)
    if card.is_for_chests:
        return label
    return replace(label, title="Abnormal radiograph", code=_ANY_ABNORMAL, site=folded[0].site)


def what_it_tells(card: ModelCard) -> str:
    """What a model can tell and what not, in words; empty where every label is earned."""
    unearned = unearned_labels(card)
    if not unearned:
        return ""
    named = [label.title for label in reported_labels(card) if names_disease(label)]
    words = "This model tells images that look abnormal from those that look normal"
    if named:
        words += f", and {_listed(named)} from other abnormalities"
    others = _listed([label.title for label in unearned])
    return (
        f"{words}. It was not shown to tell {others} from other abnormalities, so that is reported "
        "as abnormal, which is no diagnosis."
    )


def require_sound_figures(card: ModelCard) -> None:
    """Make sure that a card's figures can be what they say: nothing is earned by a slip.

    Raises
    ------
    ModelFolderError
        If an AUC among abnormal images lies outside its interval or of what an AUC can be, or is of
        fewer than two images.
    """
    for each in card.metrics:
        if (each.name, each.group) != ("auc", AMONG_ABNORMAL):
            continue
        if not (0 <= each.low <= each.value <= each.high <= 1 and each.images > 1):
            raise ModelFolderError(
                f"{card.folder / CARD_NAME}: the AUC of label {each.label!r} among "
                f"{AMONG_ABNORMAL} ({each.value} from {each.low} to {each.high} on {each.images} "
                "images) cannot be: measure it again, or take it out"
            )


def before_tuning(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """The evidence of weights as that of those fine-tuned from them, its origin in its split."""
    return tuple(
        replace(each, split=f"{BEFORE_TUNING}{each.split.removeprefix(BEFORE_TUNING)}")
        for each in metrics
        if (each.name, each.group) == ("auc", AMONG_ABNORMAL) and each.split not in LEARNED_FROM
    )


def _listed(words: list[str]) -> str:
    named = [each[:1].lower() + each[1:] if not each[1:2].isupper() else each for each in words]
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]
