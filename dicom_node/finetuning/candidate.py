"""From trained weights to a model folder that lies beside the champion's."""

import re
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from ai_engine.calibration.calibrate import calibrate
from ai_engine.calibration.cases import LabelCases
from ai_engine.calibration.device import EVERY_DEVICE
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.calibration.thresholds import equivalent_threshold
from ai_engine.commands.comparison.report import Comparison
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.classifier.validated import Reader, ValidatedCase
from ai_engine.library.card import Label, Metric, ModelCard, write_card
from ai_engine.library.earned import before_tuning
from ai_engine.library.names import copy_likeness
from ai_engine.library.weights_file import WEIGHTS_FILE, Tensors, write_weights
from dicom_node.errors import ConfigurationError
from dicom_node.finetuning.plan import Plan

HELD_OUT_SPLIT = "held-out"
"""What the figures on the frozen sets are called in a card."""


def next_version(champion: str, installed: Collection[str]) -> str:
    """Return the next minor version above all that are installed of the champion's major one.

    Raises
    ------
    ConfigurationError
        If the champion's version is not three numbers.
    """
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", champion)
    if match is None:
        raise ConfigurationError(
            f"version {champion!r} is not three numbers: name the candidate's with --version."
        )
    major = match.group(1)
    minors = [
        int(found.group(1))
        for version in (champion, *installed)
        if (found := re.fullmatch(rf"{major}\.(\d+)\.\d+", version))
    ]
    return f"{major}.{max(minors) + 1}.0"


def make_candidate(
    champion: ModelCard, plan: Plan, tensors: Tensors, *, out: Path, patients: int
) -> ModelCard:
    """Write the candidate's folder; its thresholds are the champion's.

    So are the figures by which labels are told from other abnormal images, with their origin: what
    is learned from a site's cases is too little to earn a name, and starts from what has earned it.
    """
    folder = out / "candidate"
    digest = write_weights(folder / WEIGHTS_FILE, tensors)
    card = replace(
        champion,
        folder=folder,
        version=plan.version,
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        limitations=(
            *champion.limitations,
            f"Fine-tuned on {len(plan.training)} images of {patients} patients that experts "
            "validated at this site: what is known of it elsewhere is the version it came from.",
        ),
        recipe=(
            f"fine-tuned from {champion.identity.key}, seed {plan.tuning.seed}, batch "
            f"{plan.tuning.batch_size}, AdamW: {plan.tuning.epochs} epochs at "
            f"{champion.input_size} px from {plan.tuning.learning_rate:g}"
            + ", the head alone"
            * plan.tuning.head_only
        ),
        command=f"dicom-node models finetune {champion.name} --seed {plan.tuning.seed}",
        data=(
            f"Weights {champion.weights_digest[:12]} of {champion.identity.key} ({champion.data}), "
            f"then the Warehouse's cases of the plan with SHA-256 {plan.digest}"
        ),
        metrics=before_tuning(champion.metrics),
        figures_of="",
        bf16=None,  # was measured of other weights
    )
    write_card(card)
    copy_likeness(champion.folder, folder)
    return card


def with_thresholds(
    candidate: Scorer,
    champion: Scorer,
    cases: Sequence[ValidatedCase],
    *,
    read: Reader,
    made_at: datetime,
) -> tuple[ModelCard, tuple[str, ...]]:
    """Give a candidate thresholds of its own, on cases that were not learned from.

    The champion's is carried over: as many of the images are called positive. From there the rules
    of a calibration choose another where verdicts show that it is better. Returns the card, and
    for each label how its threshold came about.
    """
    card = candidate.card
    if not cases:
        return card, ("No image was left to choose thresholds on: the champion's are kept.",)
    images = [read(case) for case in cases]
    scores = np.array([candidate.probabilities(image) for image in images], dtype=np.float64)
    former = np.array([champion.probabilities(image) for image in images], dtype=np.float64)
    carried = {
        label.name: equivalent_threshold(
            label.threshold, scores=former[:, column], others=scores[:, column]
        )
        for column, label in enumerate(card.labels)
    }
    parents = {
        label.name: OperatingPoint(score_threshold=carried[label.name] or label.threshold)
        for label in card.labels
    }
    made = calibrate(
        [_cases(cases, scores, column, label) for column, label in enumerate(card.labels)],
        device=EVERY_DEVICE,
        model=card.identity,
        parents=parents,
        made_at=made_at,
    )
    thresholds = {name: point.score_threshold for name, point in made.points.items()}
    chosen = {name for name, point in parents.items() if thresholds[name] != point.score_threshold}
    labels = tuple(
        replace(label, threshold=round(thresholds[label.name], 4)) for label in card.labels
    )
    found = replace(card, labels=labels)
    write_card(found)
    return found, tuple(
        f"{label.name}: {_origin(label.name, chosen, carried, len(cases))}" for label in labels
    )


def _origin(label: str, chosen: Set[str], carried: Mapping[str, float | None], images: int) -> str:
    """How a label's threshold came about."""
    if label in chosen:
        return f"threshold chosen on {images} images that were not learned from."
    if carried[label] is not None:
        return (
            f"threshold carried over: of {images} images that were not learned from, as many are "
            "called positive as by the champion."
        )
    return (
        f"the champion's threshold is kept, and may not fit: it calls too few of {images} images "
        "positive, or too few negative, to be carried over. Calibrate soon."
    )


def with_figures(card: ModelCard, comparison: Comparison) -> ModelCard:
    """Put what was measured on the frozen sets into the candidate's card."""
    found = replace(
        card,
        metrics=(
            *card.metrics,
            *(
                Metric(
                    name="auc",
                    label=each.label,
                    split=HELD_OUT_SPLIT,
                    group=each.device,
                    images=each.cases,
                    value=round(each.candidate.auc.value, 4),
                    low=round(each.candidate.auc.low, 4),
                    high=round(each.candidate.auc.high, 4),
                )
                for each in comparison.results
                if each.candidate is not None
            ),
        ),
    )
    write_card(found)
    return found


def _cases(
    cases: Sequence[ValidatedCase], scores: "np.ndarray[tuple[int, int], np.dtype[np.float64]]",
    column: int, label: Label,
) -> LabelCases:  # fmt: skip
    rows = [row for row, case in enumerate(cases) if label.name in case.truths]
    return LabelCases(
        label=label.name,
        scores=scores[rows, column],
        truth=np.array([cases[row].truths[label.name] for row in rows], dtype=np.bool_),
        patients=tuple(cases[row].patient for row in rows),
    )
