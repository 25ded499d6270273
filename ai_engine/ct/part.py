"""The studies of MosMedData that a CT model is measured on: those that it hasn't learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_engine.ct.dataset import MosMedStudy, split_studies
from ai_engine.datasets.cxr import Split
from ai_engine.library.card import ModelCard

WHOLE = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPart:
    """Studies to measure a model on.

    ``name`` is the split's, or ``all``; ``is_unseen`` says whether the model learned from none of
    them, so that a paper's figure of its own test may stand beside; ``words`` say which they are.
    """

    name: str
    studies: tuple[MosMedStudy, ...]
    is_unseen: bool
    words: str


def part_of(card: ModelCard, studies: Sequence[MosMedStudy], split: Split) -> MeasuredPart:
    """What a model is measured on when one split is asked for.

    A classical method has learned from nothing and is measured on every study. A network is
    measured on the studies of the split; what no mask was drawn on goes with the test part, because
    training leaves it out.

    Raises
    ------
    DatasetError
        If too few studies have masks to tell which ones a network has learned from.
    """
    drawn = sum(study.mask_path is not None for study in studies)
    if not card.has_weights:
        return MeasuredPart(
            name=WHOLE,
            studies=tuple(studies),
            is_unseen=True,
            words=f"all {len(studies)} studies, {drawn} of them with masks: the method learned "
            "from none",
        )
    parts = split_studies(studies)
    asked = parts[split]
    of_all = f"{len(asked)} of the {drawn} studies with masks"
    if split is not Split.TEST:
        use = "trained on" if split is Split.TRAIN else "chosen by"
        return MeasuredPart(
            name=split.value,
            studies=asked,
            is_unseen=False,
            words=f"{of_all}, the {split.value} part: the model was {use} them, so no figure of "
            "the paper stands beside",
        )
    learned = {study.name for part in (Split.TRAIN, Split.VALID) for study in parts[part]}
    unseen = tuple(study for study in studies if study.name not in learned)
    without = len(unseen) - len(asked)
    return MeasuredPart(
        name=split.value,
        studies=unseen,
        is_unseen=True,
        words=f"{of_all}, the test part, and {without} without: the {len(learned)} that training "
        "uses are left out",
    )
