"""The difference of two models on the same cases, with its interval.

Both models see the same draw of patients each time, so what makes a draw easy or hard for both
cancels out: the interval of the difference is narrower than those of the two figures.
"""

from dataclasses import dataclass

import numpy as np

from ai_engine.calibration.cases import LabelCases, Minimum, Scores
from ai_engine.calibration.resampling import (
    ROUNDS,
    Estimate,
    Figures,
    auc_of,
    estimate,
    figures,
    patient_draws,
)
from ai_engine.commands.comparison.standing import Standing

ALL_DEVICES = "*"
"""Stands for the cases of all devices together."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PairedCases:
    """Cases of one label on one device, or on `ALL_DEVICES`, scored by both models.

    ``champion`` holds the champion's probabilities, ``candidate`` the candidate's of the same
    cases, float64 (cases,).
    """

    device: str
    champion: LabelCases
    candidate: Scores

    def __post_init__(self) -> None:
        if len(self.champion) != len(self.candidate):
            raise ValueError(
                f"{self.champion.label}: {len(self.champion)} cases of the champion and "
                f"{len(self.candidate)} of the candidate are not pairs"
            )

    @property
    def candidate_cases(self) -> LabelCases:
        """The candidate's scores with the same truth."""
        return LabelCases(
            label=self.champion.label,
            scores=self.candidate,
            truth=self.champion.truth,
            patients=self.champion.patients,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedResult:
    """One label on one device: both models' figures, and the difference of their AUCs.

    Figures and difference are None where ``reason`` says why there are none. Sensitivity,
    specificity and F1 are at each model's own threshold.
    """

    device: str
    label: str
    cases: int
    positives: int
    patients: int
    standing: Standing
    reason: str = ""
    champion: Figures | None = None
    candidate: Figures | None = None
    difference: Estimate | None = None


def compare(
    cases: PairedCases,
    *,
    champion_threshold: float,
    candidate_threshold: float,
    minimum: Minimum | None = None,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> PairedResult:
    """Compare two models on one label of one device.

    The candidate is better, or worse, where the 95 % interval of the difference of the AUCs lies
    wholly on one side of 0. With fewer cases than ``minimum`` it is neither; with one class only
    there are no figures either.
    """
    truth = cases.champion
    lacking = (minimum or Minimum()).lacking(truth)
    if not truth.positives or not truth.negatives:
        return _result(cases, Standing.TOO_FEW, lacking)
    draws = patient_draws(truth, rounds=rounds, seed=seed)
    weights = np.vstack([np.ones(len(truth)), draws])
    difference = estimate(
        auc_of(weights, truth.truth, cases.candidate) - auc_of(weights, truth.truth, truth.scores)
    )
    return _result(
        cases,
        Standing.TOO_FEW if lacking else _standing(difference),
        lacking,
        champion=figures(truth, champion_threshold, rounds=rounds, seed=seed),
        candidate=figures(cases.candidate_cases, candidate_threshold, rounds=rounds, seed=seed),
        difference=difference,
    )


def _result(
    cases: PairedCases,
    standing: Standing,
    reason: str,
    *,
    champion: Figures | None = None,
    candidate: Figures | None = None,
    difference: Estimate | None = None,
) -> PairedResult:
    truth = cases.champion
    return PairedResult(
        device=cases.device,
        label=truth.label,
        cases=len(truth),
        positives=truth.positives,
        patients=len(set(truth.patients)),
        standing=standing,
        reason=reason,
        champion=champion,
        candidate=candidate,
        difference=difference,
    )


def _standing(difference: Estimate) -> Standing:
    if difference.low > 0:
        return Standing.BETTER
    return Standing.WORSE if difference.high < 0 else Standing.NO_DIFFERENCE
