"""From validated cases to a device's calibration."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.calibration.device import (
    Comparison,
    DeviceCalibration,
    LabelCalibration,
    Source,
)
from ai_engine.calibration.fitting import choose_map
from ai_engine.calibration.objective import Objective
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.calibration.resampling import figures
from ai_engine.calibration.thresholds import NEEDED_WINS, ChosenThreshold, choose_threshold
from ai_engine.prediction import ModelIdentity


def calibrate(
    cases: Sequence[LabelCases],
    *,
    device: str,
    model: ModelIdentity,
    parents: Mapping[str, OperatingPoint],
    made_at: datetime,
    parent: str = "",
    objective: Objective | None = None,
    minimum: Minimum | None = None,
    seed: int = 0,
) -> DeviceCalibration:
    """Calibrate every label of a model for one device.

    A label keeps its parent's operating point when there are too few validated cases. Its
    probabilities are mapped by whatever map predicts left-out patients best. Its threshold is
    drawn towards the parent's as far as its cases leave it open, and changes only when it does at
    least as well as the parent's in nearly all draws of patients that it was not chosen on; a
    sensitivity or specificity that is asked for is followed all the same.

    Parameters
    ----------
    cases
        The cases of each label; scores are the model's own probabilities.
    device
        The device's key, or `EVERY_DEVICE`.
    model
        The model whose scores these are.
    parents
        The operating point of each label where the device's own cannot be had.
    made_at
        The date that reports will state.
    parent
        The id of the calibration that ``parents`` come from, "" for the model card.
    objective
        What thresholds are to achieve; None is the best mean of sensitivity and specificity.
    minimum
        The cases needed; None is ten of either class.
    seed
        Decides the draws.
    """
    return DeviceCalibration(
        device=device,
        model_name=model.name,
        model_version=model.version,
        weights_digest=model.weights_digest,
        made_at=made_at,
        objective=objective or Objective(),
        parent=parent,
        labels=tuple(
            calibrate_label(
                each,
                parent=parents[each.label],
                objective=objective or Objective(),
                minimum=minimum or Minimum(),
                seed=seed,
            )
            for each in cases
        ),
    )


def calibrate_label(
    cases: LabelCases,
    *,
    parent: OperatingPoint,
    objective: Objective,
    minimum: Minimum,
    seed: int = 0,
) -> LabelCalibration:
    """Calibrate one label, or say why it keeps its parent's operating point."""
    lacking = minimum.lacking(cases)
    if lacking:
        compared = _compared(cases, parent, parent, seed=seed)
        return _label(cases, Source.PARENT, f"too few {lacking}", parent, compared)
    probability_map, _ = choose_map(cases, seed=seed)
    chosen = choose_threshold(cases, objective, former=parent.score_threshold, seed=seed)
    better = chosen.gain > 0 and chosen.wins >= NEEDED_WINS
    if better or objective.aim.is_asked_for:
        threshold = chosen.value
        reason = f"chosen for {objective}; on left-out patients {chosen.gain:+.3f}"
        if chosen.own < 1:
            reason += f", {chosen.own:.0%} of the way from the parent's to its own best"
    else:
        threshold = parent.score_threshold
        reason = (
            f"threshold kept: another would have done better on left-out patients in only "
            f"{chosen.wins:.0%} of draws ({NEEDED_WINS:.0%} needed)"
        )
    point = OperatingPoint(
        score_threshold=threshold,
        probability_map=probability_map,
        uncertain=(min(chosen.low, threshold), max(chosen.high, threshold)),
    )
    compared = _compared(cases, parent, point, chosen, seed=seed)
    return _label(cases, Source.DEVICE, reason, point, compared)


def _label(
    cases: LabelCases,
    source: Source,
    reason: str,
    point: OperatingPoint,
    comparison: Comparison | None,
) -> LabelCalibration:
    return LabelCalibration(
        label=cases.label,
        source=source,
        reason=reason,
        point=point,
        cases=len(cases),
        positives=cases.positives,
        patients=len(set(cases.patients)),
        comparison=comparison,
    )


def _compared(
    cases: LabelCases,
    parent: OperatingPoint,
    point: OperatingPoint,
    chosen: ChosenThreshold | None = None,
    *,
    seed: int,
) -> Comparison | None:
    if not cases.positives or not cases.negatives:
        return None
    return Comparison(
        parent=figures(cases, parent.score_threshold, seed=seed),
        calibrated=figures(cases, point.score_threshold, seed=seed),
        gain=chosen.gain if chosen else 0.0,
        wins=chosen.wins if chosen else 0.0,
    )
