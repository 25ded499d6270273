"""A device's calibration as a frozen value that says all about itself."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from ai_engine.calibration.objective import Objective, parse_objective
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.calibration.probability import read_map
from ai_engine.calibration.resampling import Estimate, Figures

EVERY_DEVICE = "*"
"""Stands for all devices together: the calibration of the model as a whole."""


class Source(StrEnum):
    """Where a label's operating point comes from."""

    DEVICE = "device"
    PARENT = "parent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The parent's threshold and the one in use, on the cases that calibration used.

    ``gain`` and ``wins`` compare what the objective wants high at the new threshold and at the
    parent's, on patients left out.
    """

    parent: Figures
    calibrated: Figures
    gain: float
    wins: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelCalibration:
    """One label: its operating point, where that comes from and why, and what it achieves.

    ``reason`` says in plain words why the parent's threshold or the device's own is used.
    ``comparison`` is None where the cases lack a class.
    """

    label: str
    source: Source
    reason: str
    point: OperatingPoint
    cases: int
    positives: int
    patients: int
    comparison: Comparison | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCalibration:
    """The calibration of one model for one device (or for `EVERY_DEVICE`), made once.

    ``parent`` is the id of the calibration that labels with too few cases keep, "" for the
    model's own thresholds. ``digest`` is computed from everything else.
    """

    device: str
    model_name: str
    model_version: str
    weights_digest: str
    made_at: datetime
    objective: Objective
    parent: str
    labels: tuple[LabelCalibration, ...]

    def __post_init__(self) -> None:
        if self.made_at.tzinfo is None:
            raise ValueError("a calibration's date needs a time zone")

    @property
    def digest(self) -> str:
        """SHA-256 of the calibration, hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def calibration_id(self) -> str:
        """What reports and lists call it: the digest's first twelve digits."""
        return self.digest[:12]

    @property
    def title(self) -> str:
        """Id and date, as every report that used it states them."""
        return f"{self.calibration_id} of {self.made_at.date().isoformat()}"

    @property
    def points(self) -> Mapping[str, OperatingPoint]:
        """The operating point of each label."""
        return {each.label: each.point for each in self.labels}

    def to_json(self) -> str:
        """Return the calibration as JSON, always the same text for the same value."""
        return json.dumps(
            {
                "device": self.device,
                "model": [self.model_name, self.model_version, self.weights_digest],
                "made_at": self.made_at.isoformat(),
                "objective": str(self.objective),
                "parent": self.parent,
                "labels": [_label_table(each) for each in self.labels],
            },
            sort_keys=True,
            ensure_ascii=False,
        )

    @classmethod
    def from_json(cls, text: str) -> "DeviceCalibration":
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError, KeyError
            When the text is not a calibration.
        """
        table = json.loads(text)
        name, version, digest = table["model"]
        return cls(
            device=table["device"],
            model_name=name,
            model_version=version,
            weights_digest=digest,
            made_at=datetime.fromisoformat(table["made_at"]),
            objective=parse_objective(table["objective"]),
            parent=table["parent"],
            labels=tuple(_label(each) for each in table["labels"]),
        )


def _label_table(label: LabelCalibration) -> dict[str, Any]:
    return {
        "label": label.label,
        "source": label.source.value,
        "reason": label.reason,
        "score_threshold": label.point.score_threshold,
        "map": label.point.probability_map.as_dict(),
        **({"uncertain": list(label.point.uncertain)} if label.point.uncertain else {}),
        "cases": label.cases,
        "positives": label.positives,
        "patients": label.patients,
        "comparison": asdict(label.comparison) if label.comparison else None,
    }


def _label(table: dict[str, Any]) -> LabelCalibration:
    compared = table["comparison"]
    return LabelCalibration(
        label=table["label"],
        source=Source(table["source"]),
        reason=table["reason"],
        point=OperatingPoint(
            score_threshold=table["score_threshold"],
            probability_map=read_map(table["map"]),
            uncertain=_band(table.get("uncertain")),
        ),
        cases=table["cases"],
        positives=table["positives"],
        patients=table["patients"],
        comparison=_comparison(compared) if compared else None,
    )


def _band(edges: list[float] | None) -> tuple[float, float] | None:
    """The edges of a band; calibrations of earlier releases have none."""
    return (edges[0], edges[1]) if edges else None


def _comparison(table: dict[str, Any]) -> Comparison:
    return Comparison(
        parent=_figures(table["parent"]),
        calibrated=_figures(table["calibrated"]),
        gain=table["gain"],
        wins=table["wins"],
    )


def _figures(table: dict[str, Any]) -> Figures:
    return Figures(**{name: Estimate(**value) for name, value in table.items()})
