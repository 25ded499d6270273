"""Champion and candidate on the frozen sets, as they are served."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from rich.console import Console
from rich.progress import track

from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.commands.comparison.paired import ALL_DEVICES, PairedCases, compare
from ai_engine.commands.comparison.report import Comparison
from ai_engine.inference.backend import FloatArray
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.classifier.validated import Reader, ValidatedCase


def measure(
    *,
    champion: Scorer,
    candidate: Scorer,
    cases: Sequence[ValidatedCase],
    read: Reader,
    minimum: Minimum,
    titles: Mapping[str, str],
    notes: Sequence[str],
    made_at: datetime,
    console: Console | None = None,
) -> Comparison:
    """Score the cases by both models, and compare them for all devices together and for each.

    ``minimum`` is what a device needs for a judgement.
    """
    both = [
        (champion.probabilities(image), candidate.probabilities(image))
        for image in (
            read(case)
            for case in track(cases, "comparing", console=console, disable=console is None)
        )
    ]
    pairs = [
        _pairs(cases, both, device, (column, label.name))
        for device in (ALL_DEVICES, *sorted({case.device for case in cases}))
        for column, label in enumerate(champion.card.labels)
    ]
    return Comparison(
        champion=champion.card.identity.key,
        candidate=candidate.card.identity.key,
        made_at=made_at,
        results=tuple(
            compare(
                each,
                champion_threshold=_threshold(champion, each.champion.label),
                candidate_threshold=_threshold(candidate, each.champion.label),
                minimum=minimum,
            )
            for each in pairs
        ),
        titles=titles,
        notes=tuple(notes),
    )


def _pairs(
    cases: Sequence[ValidatedCase],
    both: Sequence[tuple[FloatArray, FloatArray]],
    device: str,
    output: tuple[int, str],
) -> PairedCases:
    """The cases of a device on which a label was decided, with both models' scores of it."""
    column, label = output
    rows = [
        row
        for row, case in enumerate(cases)
        if device in (ALL_DEVICES, case.device) and label in case.truths
    ]
    first, second = (
        np.array([both[row][model][column] for row in rows], dtype=np.float64) for model in (0, 1)
    )
    truth = LabelCases(
        label=label,
        scores=first,
        truth=np.array([cases[row].truths[label] for row in rows], dtype=np.bool_),
        patients=tuple(cases[row].patient for row in rows),
    )
    return PairedCases(device=device, champion=truth, candidate=second)


def _threshold(model: Scorer, label: str) -> float:
    return next(each.threshold for each in model.card.labels if each.name == label)
