"""What tells a label without anatomy: found where a data set has it, and only there."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.commands.shortcuts import measure_shortcuts
from ai_engine.datasets.cxr import Split
from ai_engine.datasets.layouts import layout_of, read_dataset
from ai_engine.errors import DatasetError
from ai_engine.measures.shortcuts.measuring import ALL_CUES
from ai_engine.measures.shortcuts.report import METRIC, ShortcutReport

pytestmark = pytest.mark.slow  # data sets of drawn images, each measured

HEADER = "file,patient_id,age,sex,view,Effusion,No_Finding"
COUNT = 120

Draw = Callable[[np.ndarray, bool], None]


def brighter(image: np.ndarray, abnormal: bool) -> None:
    """Exposure goes along with the label."""
    image += 60 if abnormal else 0


def marked(image: np.ndarray, abnormal: bool) -> None:
    """A lead marker goes along with the label."""
    if abnormal:
        image[4:8, 4:8] = 255


def plain(image: np.ndarray, abnormal: bool) -> None:
    """Nothing does."""


def folder(place: Path, draw: Draw, *, older: int = 0, seed: int = 0) -> Path:
    """A data set of noise, half of it abnormal, without a column for the parts."""
    (place / "images").mkdir(parents=True)
    chance = np.random.default_rng(seed)
    lines = [HEADER]
    for number in range(COUNT):
        abnormal = number % 2 == 1
        image = chance.normal(100, 20, (64, 64))
        draw(image, abnormal)
        file = f"{number:04}.png"
        cv2.imwrite(str(place / "images" / file), np.clip(image, 0, 255).astype(np.uint8))
        age = chance.integers(30, 50) + (older if abnormal else 0)
        side, sex = chance.choice(["AP", "PA"]), chance.choice(["F", "M"])
        lines.append(f"{file},p{number},{age},{sex},{side},{int(abnormal)},{int(not abnormal)}")
    (place / "labels.csv").write_text("\n".join(lines) + "\n")
    return place


def told(report: ShortcutReport, cue: str, source: str) -> float:
    """The AUC of a cue for abnormal images."""
    return next(
        each.auc.value
        for each in report.shortcuts
        if (each.cue, each.label) == (cue, "Abnormal") and each.source.startswith(source)
    )


def test_exposure_that_goes_along_with_the_label_is_found_there_and_not_elsewhere(
    tmp_path: Path,
) -> None:
    """The data set's own fault, which a model would learn: told inside, chance outside."""
    data = folder(tmp_path / "exposed", brighter)
    other = folder(tmp_path / "even", plain, seed=1)
    report = measure_shortcuts(data=data, others=[other])
    assert told(report, "grey values", "exposed") > 0.95
    assert told(report, "grey values", "even") < 0.65
    assert told(report, "sex", "exposed") < 0.75
    assert told(report, ALL_CUES, "exposed") > 0.9


def test_a_lead_marker_is_told_from_a_bright_image(tmp_path: Path) -> None:
    """White patches of a letter's size are a cue of their own."""
    report = measure_shortcuts(data=folder(tmp_path / "leads", marked))
    assert told(report, "markers", "leads") == 1.0
    assert told(report, "age", "leads") < 0.75


def test_age_is_a_cue(tmp_path: Path) -> None:
    """A set whose abnormal patients are older tells the label by age alone."""
    report = measure_shortcuts(data=folder(tmp_path / "aged", plain, older=30))
    assert told(report, "age", "aged") > 0.95


def test_every_label_with_enough_images_is_measured_or_those_asked_for(tmp_path: Path) -> None:
    """And the report is kept, as figures of a card too."""
    data, kept = folder(tmp_path / "some", brighter), tmp_path / "kept.json"
    report = measure_shortcuts(data=data, out=kept)
    assert {each.label for each in report.shortcuts} == {"Abnormal", "Effusion"}
    asked = measure_shortcuts(data=data, labels=["Effusion"])
    assert {each.label for each in asked.shortcuts} == {"Effusion"}
    assert len(json.loads(kept.read_text())["shortcuts"]) == len(report.shortcuts)
    assert {metric.name for metric in report.metrics} == {METRIC}


def test_a_label_of_too_few_images_is_said_to_be_so(tmp_path: Path) -> None:
    """No figure is made out of nothing."""
    data = folder(tmp_path / "some", plain)
    with pytest.raises(DatasetError, match="too few images with and without Hernia"):
        measure_shortcuts(data=data, labels=["Hernia"])


def test_a_table_without_parts_gets_them_by_patient(tmp_path: Path) -> None:
    """The same ones whoever reads it, about 50, 20 and 30 per cent, and nobody in two."""
    data = folder(tmp_path / "unsplit", plain)
    assert layout_of(data) == "unsplit"
    first, again = read_dataset(data), read_dataset(data)
    assert first.items == again.items
    assert len(first.items) == COUNT
    assert 40 <= len(first.part(Split.TRAIN)) <= 80
    assert 20 <= len(first.part(Split.TEST)) <= 55


def test_a_table_with_parts_is_read_as_before(tmp_path: Path) -> None:
    """The parts that a table names are never made anew."""
    data = folder(tmp_path / "split", plain)
    table = data / "labels.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},split", *(f"{line},valid" for line in lines[1:])]))
    assert layout_of(data) == "sample"
    assert len(read_dataset(data).part(Split.VALID)) == COUNT
