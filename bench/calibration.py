"""Does a device's calibration help on cases that it has not seen? (paper 1, Table III)

    .venv/bin/python -m bench.calibration [--data DIR] [--splits N] [--objective f1]

The validation and test images of the chest radiograph sample are replayed as three simulated
devices; the labels that came with them are the experts' verdicts. Patients are split in halves:
one calibrates, the other measures. The table is of the first split; the last lines count how
often calibration helped over many splits.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ai_engine.calibration.calibrate import calibrate
from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.calibration.device import DeviceCalibration, LabelCalibration
from ai_engine.calibration.objective import Objective, parse_objective
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.calibration.resampling import Figures, figures
from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, read_cxr
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.evaluation import evaluation_predictor
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry, read_active_versions
from bench.devices import DEVICES, SimulatedDevice

_ROOT = Path(__file__).parents[1]
_DATA = Path(os.environ.get("DICOM_NODE_TEST_DATA", _ROOT.parent / "shared" / "data")) / "cxr"
_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One label of one device: its calibration, and both thresholds on the other half."""

    device: str
    calibration: LabelCalibration
    uncalibrated: Figures
    calibrated: Figures

    @property
    def gain(self) -> float:
        """F1 won on cases that calibration has not seen."""
        return self.calibrated.f1.value - self.uncalibrated.f1.value

    @property
    def balanced_gain(self) -> float:
        """What the mean of sensitivity and specificity has won on them."""
        return _balanced(self.calibrated) - _balanced(self.uncalibrated)


def _balanced(found: Figures) -> float:
    return (found.sensitivity.value + found.specificity.value) / 2


def replay(
    card: ModelCard,
    dataset: CxrDataset,
    items: Sequence[CxrItem],
    *,
    devices: Iterable[SimulatedDevice] = DEVICES,
    cache: Path,
    console: Console | None = None,
) -> dict[str, tuple[LabelCases, ...]]:
    """Score every item as each device shows it, past the guard; return each device's cases."""
    predictor = evaluation_predictor(card, OpenVinoBackend.load(card, cache=cache))
    radiographs = [as_radiograph(dataset, item) for item in items]
    replayed = {}
    for device in devices:
        scores = np.array(
            [
                predictor.probabilities(device.acquire(each))
                for each in track(radiographs, device.name, console=console, disable=not console)
            ],
            dtype=np.float64,
        )
        replayed[device.name] = tuple(
            LabelCases(
                label=label.name,
                scores=scores[:, column],
                truth=np.array([label.name in item.labels for item in items]),
                patients=tuple(item.patient_id for item in items),
            )
            for column, label in enumerate(card.labels)
        )
    return replayed


def halves(cases: LabelCases, seed: int) -> tuple[LabelCases, LabelCases]:
    """Split patients at random in two halves."""
    numbers = cases.patient_numbers
    patients = int(numbers.max()) + 1
    first = np.random.default_rng(seed).permutation(patients)[: patients // 2]
    inside = np.isin(numbers, first)
    return cases.of(np.flatnonzero(inside)), cases.of(np.flatnonzero(~inside))


def outcomes(
    card: ModelCard,
    replayed: dict[str, tuple[LabelCases, ...]],
    *,
    seed: int = 0,
    objective: Objective | None = None,
) -> list[Outcome]:
    """Calibrate every device on one half and measure on the other, where there are cases enough."""
    parents = {label.name: OperatingPoint(score_threshold=label.threshold) for label in card.labels}
    found: list[Outcome] = []
    for device, labels in replayed.items():
        split = [halves(cases, seed) for cases in labels]
        calibration = calibrate(
            [first for first, _ in split],
            device=device,
            model=card.identity,
            parents=parents,
            made_at=_MADE_AT,
            objective=objective,
        )
        found += _measured(calibration, [second for _, second in split], parents)
    return found


def _measured(
    calibration: DeviceCalibration,
    unseen: Sequence[LabelCases],
    parents: dict[str, OperatingPoint],
) -> Iterable[Outcome]:
    for label, cases in zip(calibration.labels, unseen, strict=True):
        if Minimum().lacking(cases):
            continue
        yield Outcome(
            device=calibration.device,
            calibration=label,
            uncalibrated=figures(cases, parents[label.label].score_threshold),
            calibrated=figures(cases, label.point.score_threshold),
        )


def as_table(found: Sequence[Outcome]) -> Table:
    """Paper 1's Table III, with intervals."""
    table = Table(
        "Device",
        "Label",
        "AUC-ROC",
        "F1",
        "F1 (calibrated)",
        "Threshold",
        "Map",
        "Sensitivity",
        "Specificity",
        title="On cases not used for calibration, with 95 % intervals over patients",
    )
    for each in found:
        table.add_row(
            each.device,
            each.calibration.label,
            str(each.calibrated.auc),
            str(each.uncalibrated.f1),
            str(each.calibrated.f1),
            f"{each.calibration.point.score_threshold:.3f} ({each.calibration.source.value})",
            each.calibration.point.probability_map.method.value,
            f"{each.uncalibrated.sensitivity.value:.2f} → {each.calibrated.sensitivity.value:.2f}",
            f"{each.uncalibrated.specificity.value:.2f} → {each.calibrated.specificity.value:.2f}",
        )
    return table


def main() -> None:
    """Replay, print the table, and count over many splits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--objective", type=parse_objective, default=Objective())
    options = parser.parse_args()
    console = Console(width=190)
    versions = read_active_versions(_ROOT / "config" / "models.toml")
    card = ModelRegistry().active(versions, CHEST_MODEL)
    dataset = read_cxr(options.data)
    items = [item for item in dataset.items if item.split is not Split.TRAIN]
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as cache:
        replayed = replay(card, dataset, items, cache=Path(cache), console=console)
    for device in DEVICES:
        console.print(f"{device.name}: {device.words}")
    console.print(f"{card.identity.key}, {len(items)} images")
    splits = [
        outcomes(card, replayed, seed=seed, objective=options.objective)
        for seed in range(options.splits)
    ]
    console.print(f"chosen for {options.objective.words}")
    console.print(as_table(splits[0]))
    _count(console, splits, "F1", lambda each: each.gain)
    _count(console, splits, "mean of sensitivity and specificity", lambda each: each.balanced_gain)


def _count(
    console: Console,
    splits: Sequence[Sequence[Outcome]],
    figure: str,
    gain: Callable[[Outcome], float],
) -> None:
    pairs = sorted({(each.device, each.calibration.label) for found in splits for each in found})
    for device, label in pairs:
        gains = np.array(
            [
                gain(each)
                for found in splits
                for each in found
                if (each.device, each.calibration.label) == (device, label)
            ]
        )
        console.print(
            f"{device}, {label}: calibrated {figure} at least the uncalibrated in "
            f"{int((gains >= 0).sum())} of {len(gains)} splits, mean gain {gains.mean():+.3f}, "
            f"worst {gains.min():+.3f}"
        )


if __name__ == "__main__":
    main()
