"""How well masks of CT slices agree with those drawn, beside the simplest way to make one.

The simplest way calls everything dense within the lungs a lesion: from the density on with which
that agrees best with the training part's masks. A network that is no better has learned nothing
that a threshold does not know.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.ct.slice_batches import MaskedSlices
from ai_engine.library.card import Metric
from ai_engine.measures.overlap import dice, intersection_over_union, mean_interval

LEVELS = tuple(round(0.10 + 0.02 * step, 2) for step in range(33))
"""Densities that are tried, as parts of the network's window."""

EVERY = "all"
DENSE = "dense within the lungs"
ABOVE = "above dense within the lungs"
"""Groups: what is dense alone, and what the network has more on the same studies."""

ONE_PATIENT = "of one patient"
"""What a group is called beside whose studies all are: its interval says nothing of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideDense:
    """What needs lungs: the parts of them that are called a lesion and are none, by the network
    and by density alone, and how well the latter agrees."""

    false_share: float
    dense_false_share: float
    dense_dice: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStudy:
    """How the masks of one unseen study agree with those that were drawn, over all its slices.

    ``beside`` is None where no lungs lie beside the study, or its source has no level of density.
    """

    study: str
    source: str
    patient: str
    slices: int
    has_lesions: bool
    dice: float
    iou: float
    beside: BesideDense | None = None


def dense_levels(train: Sequence[MaskedSlices]) -> dict[str, float]:
    """For each source, the density from which on dense lung agrees best with the masks.

    Sources of which no study has both lungs and lesions have none.
    """
    by_source: dict[str, list[MaskedSlices]] = {}
    for study in train:
        if study.lungs is not None and study.masks.any():
            by_source.setdefault(study.source, []).append(study)
    return {source: _best_level(studies) for source, studies in by_source.items()}


def measured(
    study: MaskedSlices, made: npt.NDArray[np.bool_], levels: dict[str, float]
) -> MeasuredStudy:
    """Measure what a network made of a study, cut to the lungs where they are known, as served."""
    truth, beside = study.masks.astype(np.bool_), None
    if study.lungs is not None:
        lungs = study.lungs.astype(np.bool_)
        made = made & lungs
        if study.source in levels:
            beside = _beside_dense(study, made, lungs, levels[study.source])
    return MeasuredStudy(
        study=study.study,
        source=study.source,
        patient=study.patient or study.study,
        slices=len(truth),
        has_lesions=bool(truth.any()),
        dice=dice(made, truth),
        iou=intersection_over_union(made, truth),
        beside=beside,
    )


def _beside_dense(
    study: MaskedSlices, made: npt.NDArray[np.bool_], lungs: npt.NDArray[np.bool_], level: float
) -> BesideDense:
    truth, dense = study.masks.astype(np.bool_), dense_mask(study, lungs, level)
    area = max(int(lungs.sum()), 1)
    return BesideDense(
        false_share=int((made & ~truth).sum()) / area,
        dense_false_share=int((dense & ~truth).sum()) / area,
        dense_dice=dice(dense, truth),
    )


def study_metrics(
    studies: Sequence[MeasuredStudy], *, label: str, split: str
) -> tuple[Metric, ...]:
    """Means over studies, with intervals over patients: of all, of each source beside dense lung.

    Studies without lesions have no Dice; of them counts the part of the lungs that is called one.
    """
    found = list(_agreement(studies, EVERY, label, split))
    by_source: dict[str, list[MeasuredStudy]] = {}
    for one in studies:
        if one.beside is not None:
            by_source.setdefault(one.source, []).append(one)
    for source, own in sorted(by_source.items()):
        found += _agreement(own, source, label, split)
        found += _beside(own, source, label, split)
    return tuple(found)


def _agreement(
    studies: Sequence[MeasuredStudy], group: str, label: str, split: str
) -> Iterator[Metric]:
    ill = [one for one in studies if one.has_lesions]
    if ill:
        yield _mean("dice", [one.dice for one in ill], ill, (label, split, group))
        yield _mean("iou", [one.iou for one in ill], ill, (label, split, group))


def _beside(
    studies: Sequence[MeasuredStudy], source: str, label: str, split: str
) -> Iterator[Metric]:
    """What is dense within the lungs, and how much better the network is, study by study."""
    dense, above = (label, split, f"{source}, {DENSE}"), (label, split, f"{source}, {ABOVE}")
    pairs = [(one, one.beside) for one in studies if one.beside is not None]
    shares = [beside.false_share for _, beside in pairs]
    yield _mean("false_share", shares, studies, (label, split, source))
    yield _mean("false_share", [each.dense_false_share for _, each in pairs], studies, dense)
    ill = [(one, beside) for one, beside in pairs if one.has_lesions]
    if ill:
        of = [one for one, _ in ill]
        yield _mean("dice", [beside.dense_dice for _, beside in ill], of, dense)
        yield _mean("dice", [one.dice - beside.dense_dice for one, beside in ill], of, above)


def _mean(
    name: str, values: Sequence[float], studies: Sequence[MeasuredStudy], of: tuple[str, str, str]
) -> Metric:
    """Over patients drawn again; where there is but one, which is said, over its studies."""
    label, split, group = of
    slices = sum(one.slices for one in studies)
    patients = [one.patient for one in studies]
    is_one = len(set(patients)) == 1
    return mean_interval(values, patients=None if is_one else patients).as_metric(
        *(name,),
        label=label,
        split=split,
        group=f"{group}, {ONE_PATIENT}" if is_one else group,
        images=slices,
    )


def _best_level(studies: Sequence[MaskedSlices]) -> float:
    lungs = [(one, one.lungs > 0) for one in studies if one.lungs is not None]
    scores = [
        np.mean([dice(dense_mask(one, within, level), one.masks > 0) for one, within in lungs])
        for level in LEVELS
    ]
    return LEVELS[int(np.argmax(scores))]


def dense_mask(
    study: MaskedSlices, lungs: npt.NDArray[np.bool_], level: float
) -> npt.NDArray[np.bool_]:
    """All that is as dense as ``level`` within the lungs, bool (slices, size, size)."""
    return np.asarray((study.images >= level) & lungs)
