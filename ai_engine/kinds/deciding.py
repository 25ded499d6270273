"""How probabilities become findings: the labels' codes, and the calibration of each device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.figures import told_apart
from ai_engine.library.card import Label, ModelCard
from ai_engine.library.codes import required_code
from ai_engine.library.earned import reported_labels
from ai_engine.prediction import Finding, FoundBox, HeatMap, ImagePrediction, Remark, RemarkKind
from ai_engine.preprocessing.radiograph import Radiograph


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How one device's probabilities are decided (paper 1, section IV).

    Labels that are not named keep the model's own threshold, and their probability as it is.
    """

    name: str = "model default"
    points: Mapping[str, OperatingPoint] = field(default_factory=dict)

    def point(self, label: Label) -> OperatingPoint:
        """How a label is decided."""
        return self.points.get(label.name) or OperatingPoint(
            score_threshold=label.threshold, uncertain=label.uncertain
        )


def calibration_of(
    radiograph: Radiograph, calibrations: Mapping[str, Calibration] | None
) -> Calibration:
    """How an image is decided: as its SOP Instance UID is named, else by the model's thresholds."""
    return (calibrations or {}).get(radiograph.sop_instance_uid, Calibration())


def uncertain_remarks(
    card: ModelCard, image: ImagePrediction, calibration: Calibration
) -> tuple[Remark, ...]:
    """One for each finding that other cases to calibrate on would have decided otherwise."""
    bands = {each.name: calibration.point(each).band for each in reported_labels(card)}
    return tuple(
        Remark(
            kind=RemarkKind.UNCERTAIN,
            sop_instance_uid=image.sop_instance_uid,
            detail=_uncertain(finding, band),
        )
        for finding in image.findings
        if (band := bands.get(finding.label)) and band[0] <= finding.probability <= band[1]
    )


def _uncertain(finding: Finding, band: tuple[float, float]) -> str:
    shares = (100 * each for each in (*band, finding.probability))
    low, high, own = told_apart(*shares, coarsest=0)
    return (
        f"{finding.title}: between {low} % and {high} % the result is uncertain, and this one is "
        f"{own} %."
    )


def names_of(calibrations: Sequence[Calibration]) -> str:
    """What a result says that it was decided by."""
    return "; ".join(dict.fromkeys(each.name for each in calibrations)) or Calibration().name


def decided(
    card: ModelCard,
    label: Label,
    score: float,
    calibration: Calibration,
    *,
    heat_map: HeatMap | None = None,
    boxes: Sequence[FoundBox] = (),
) -> Finding:
    """A label's finding on one image, decided as the device that made the image is calibrated.

    Parameters
    ----------
    score
        The model's own probability.
    heat_map
        Where a classifier saw it.
    boxes
        Where a detector saw it, with its own probabilities: those at or above the threshold stay.

    Raises
    ------
    ModelFolderError
        If the label has no code.
    """
    point = calibration.point(label)
    calibrated = (
        FoundBox(region=box.region, probability=point.probability(box.probability)) for box in boxes
    )
    return Finding(
        label=label.name,
        title=label.title,
        code=required_code(card, label),
        site=label.site,
        probability=point.probability(score),
        threshold=point.threshold,
        heat_map=heat_map,
        score=score,
        boxes=tuple(box for box in calibrated if box.probability >= point.threshold),
    )
