"""How well cross-validated masks of outlined slices agree, beside two simple ways to make them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from ai_engine.ct.grey_baseline import GreyBaseline
from ai_engine.ct.slice_batches import MaskedSlices
from ai_engine.ct.slice_measures import DENSE, dense_mask
from ai_engine.library.card import Metric
from ai_engine.measures.overlap import dice, mean_interval

FITTED = "regression of grey values"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Dice with the outlines, and the part of the lungs that is called a lesion and is none."""

    dice: float
    false_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedSlice:
    """One slice, by a network and by two simple ways that have not seen its patient."""

    HEAD: ClassVar[str] = "study,patient,dice,false_share,dense_dice,fitted_dice"

    study: str
    source: str
    patient: str
    network: Agreement
    dense: Agreement
    fitted: Agreement

    def as_row(self) -> str:
        """A line of a table, as `HEAD` names its columns."""
        values = (
            *(self.network.dice, self.network.false_share),
            *(self.dense.dice, self.fitted.dice),
        )
        return ",".join([self.study, self.patient, *(f"{value:.4f}" for value in values)])


def judged_slice(
    study: MaskedSlices, made: npt.NDArray[np.bool_], *, level: float, fitted: GreyBaseline
) -> JudgedSlice:
    """Measure masks of a study of one slice, all cut to its lungs, as they are when served.

    Parameters
    ----------
    made
        What the network calls a lesion, bool (1, size, size).
    level
        The density from which on all within the lungs is a lesion.
    """
    truth = study.masks[0] > 0
    lungs = np.ones_like(truth) if study.lungs is None else study.lungs[0] > 0
    area = max(int(lungs.sum()), 1)

    def agreement(mask: npt.NDArray[np.bool_]) -> Agreement:
        false = int((mask & ~truth).sum()) / area
        return Agreement(dice=dice(mask, truth), false_share=false)

    return JudgedSlice(
        study=study.study,
        source=study.source,
        patient=study.patient or study.study,
        network=agreement(made[0] & lungs),
        dense=agreement(dense_mask(study, lungs[np.newaxis], level)[0]),
        fitted=agreement(fitted.mask(study.images[0].astype(np.float32), lungs)),
    )


def cross_metrics(slices: Sequence[JudgedSlice], *, label: str, split: str) -> tuple[Metric, ...]:
    """Means over slices, intervals over patients: the network, both simple ways, and the pairs."""
    return tuple(_metrics(slices, label, split)) if slices else ()


def _metrics(slices: Sequence[JudgedSlice], label: str, split: str) -> Iterator[Metric]:
    source = slices[0].source
    patients = [one.patient for one in slices]

    def mean(name: str, values: Sequence[float], group: str) -> Metric:
        return mean_interval(values, patients=patients).as_metric(
            *(name,), label=label, split=split, group=group, images=len(slices)
        )

    own = [one.network for one in slices]
    yield mean("dice", [one.dice for one in own], source)
    yield mean("false_share", [one.false_share for one in own], source)
    others = {DENSE: [one.dense for one in slices], FITTED: [one.fitted for one in slices]}
    for name, other in others.items():
        yield mean("dice", [one.dice for one in other], f"{source}, {name}")
        yield mean("false_share", [one.false_share for one in other], f"{source}, {name}")
        gains = [one.dice - its.dice for one, its in zip(own, other, strict=True)]
        yield mean("dice", gains, f"{source}, above {name}")
