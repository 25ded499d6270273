"""Figures are right on cases whose answer is known."""

import dataclasses
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from ai_engine.datasets.cxr import CxrItem, Split, View
from ai_engine.kinds.classifier.pointing import is_hit, marked_boxes, peak
from ai_engine.library.card import Label
from ai_engine.measures.failures import failures, write_failures
from ai_engine.measures.metrics import (
    auc,
    average_precision,
    best_f1_threshold,
    bootstrap,
    calibration_error,
    measures,
    wilson,
)
from ai_engine.measures.plots import (
    draw_calibration,
    draw_confusions,
    draw_precision_recall,
    draw_roc,
)
from ai_engine.measures.report import EvaluationReport, confusions, measure_split
from ai_engine.measures.scored import ScoredSplit
from ai_engine.prediction import HeatMap, Region

TRUTH = np.array([False, False, False, True, True, True])
SCORES = np.array([0.1, 0.2, 0.6, 0.4, 0.8, 0.9])
PNEUMONIA = Label(name="Pneumonia", title="Pneumonia", threshold=0.5)


def scored(count: int = 60) -> ScoredSplit:
    rng = np.random.default_rng(1)
    items = tuple(
        CxrItem(
            file=f"{n}.jpg",
            patient_id=str(n // 2),
            age=50,
            sex="F",
            view=View.AP if n % 3 else View.PA,
            split=Split.TEST,
            labels=frozenset({"Pneumonia"} if n % 2 else ()),
        )
        for n in range(count)
    )
    truth = np.arange(count) % 2
    probabilities = np.clip(0.3 + 0.3 * truth + rng.normal(0, 0.2, count), 0.01, 0.99)
    return ScoredSplit(items=items, labels=("Pneumonia",), probabilities=probabilities[:, None])


def test_best_threshold_lies_between_the_scores_it_parts() -> None:
    # Calling everything from 0.4 up positive finds all three with one false alarm: F1 6/7.
    assert best_f1_threshold(TRUTH, SCORES) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="positive"):
        best_f1_threshold(np.zeros(3, dtype=np.bool_), np.ones(3))


def test_decisions_are_counted_at_the_threshold() -> None:
    found = {name: measure(TRUTH, SCORES) for name, measure in measures(0.5).items()}
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["specificity"] == pytest.approx(2 / 3)
    assert found["auc"] == pytest.approx(8 / 9)


@pytest.mark.parametrize("steps", [3, 7, 1000])
def test_areas_are_those_of_scikit_learn_with_equal_scores_too(steps: int) -> None:
    rng = np.random.default_rng(steps)
    for count in (2, 5, 60):
        truth = rng.permutation(np.arange(count) % 3 == 0)
        scores = rng.integers(0, steps, count) / steps
        assert auc(truth, scores) == pytest.approx(roc_auc_score(truth, scores))
        expected = average_precision_score(truth, scores)
        assert average_precision(truth, scores) == pytest.approx(expected)


def test_calibration_error_is_zero_only_for_honest_probabilities() -> None:
    honest = np.repeat([0.25, 0.75], 4)
    truth = np.array([1, 0, 0, 0, 1, 1, 1, 0], dtype=np.bool_)
    assert calibration_error(truth, honest) == pytest.approx(0)
    assert calibration_error(truth, 1 - honest) == pytest.approx(0.5)


@pytest.mark.slow
def test_intervals_widen_when_images_belong_to_few_patients() -> None:
    split = scored(80)
    truth, scores = split.truth("Pneumonia"), split.scores("Pneumonia")
    auc = measures(0.5)["auc"]
    single = bootstrap(auc, truth, scores, [str(n) for n in range(80)], rounds=200)
    few = bootstrap(auc, truth, scores, [str(n % 8) for n in range(80)], rounds=200)
    assert single.low < single.value < single.high
    assert single.value == few.value
    assert few != single


def test_wilson_interval_stays_inside_zero_and_one() -> None:
    sure = wilson(127, 127)
    assert sure.value == 1
    assert 0.96 < sure.low < sure.high <= 1 + 1e-9


def test_report_measures_within_each_view_and_writes_itself(tmp_path: Path) -> None:
    label = Label(name="Pneumonia", title="Pneumonia", threshold=0.5)
    metrics = measure_split(scored(), [label], "test", rounds=40)
    assert {metric.group for metric in metrics} == {"all", "AP", "PA"}
    assert all(
        metric.low <= metric.value <= metric.high for metric in metrics if "auc" in metric.name
    )
    report = EvaluationReport(
        model="m", split="test", images=60, patients=30, metrics=metrics, pointing=None
    )
    report.write(tmp_path / "report.json")
    assert '"average_precision"' in (tmp_path / "report.json").read_text(encoding="utf-8")
    assert report.value("auc", "AP") > 0.5


def test_report_measures_each_sex_and_band_of_ages_where_there_are_others() -> None:
    everybody = scored()
    items = tuple(
        replace(item, sex="M" if n % 4 < 2 else "F", age=(10, 30, 50, 70, np.nan)[n // 12])
        for n, item in enumerate(everybody.items)
    )
    metrics = measure_split(replace(everybody, items=items), [PNEUMONIA], "test", rounds=10)
    found = {metric.group: metric.images for metric in metrics if metric.name == "auc"}
    assert (found["women"], found["men"]) == (30, 30)
    bands = {name: count for name, count in found.items() if name.startswith("age ")}
    assert bands == {"age 0 to 17": 12, "age 18 to 39": 12, "age 40 to 64": 12, "age 65 to 119": 12}


def test_wrong_decisions_are_listed_by_file_the_furthest_from_right_first(tmp_path: Path) -> None:
    split = scored()
    found = list(failures(split, [PNEUMONIA]))
    missed = [each for each in found if each.missed]
    alarms = [each for each in found if not each.missed]
    (counted,) = confusions(split, [PNEUMONIA])
    assert (len(missed), len(alarms)) == (counted.false_negatives, counted.false_positives)
    assert [each.probability for each in missed] == sorted(each.probability for each in missed)
    assert all(each.probability < PNEUMONIA.threshold for each in missed)
    assert alarms[0].probability == max(each.probability for each in alarms)
    write_failures(split, [PNEUMONIA], tmp_path / "failures.csv")
    lines = (tmp_path / "failures.csv").read_text("utf-8").splitlines()
    assert len(lines) == 1 + len(found)
    assert f"missed,{split.items[missed[0].row].file}," in lines[1]


def test_groups_with_hardly_any_positives_are_left_out() -> None:
    label = Label(name="Pneumonia", title="Pneumonia", threshold=0.5)
    assert measure_split(scored(8), [label], "test") == ()


@pytest.mark.slow
def test_pictures_are_drawn(tmp_path: Path) -> None:
    split = scored()
    metrics = measure_split(split, [PNEUMONIA], "test", rounds=20)
    draw_roc(split, [PNEUMONIA], tmp_path / "roc.png", metrics)
    draw_precision_recall(split, [PNEUMONIA], tmp_path / "pr.png", metrics)
    draw_calibration(split, [PNEUMONIA], tmp_path / "calibration.png", metrics)
    draw_confusions(confusions(split, [PNEUMONIA]), tmp_path / "confusion.png")
    assert all(path.stat().st_size > 2000 for path in tmp_path.iterdir())


@pytest.mark.slow
def test_every_label_has_a_panel_also_one_that_no_image_has(tmp_path: Path) -> None:
    one = scored()
    gout = Label(name="Gout", title="Gout", threshold=0.5)
    both = ScoredSplit(
        items=one.items,
        labels=("Pneumonia", "Gout"),
        probabilities=np.repeat(one.probabilities, 2, axis=1),
    )
    sides = []
    for labels in ([PNEUMONIA], [PNEUMONIA, gout]):
        for draw in (draw_roc, draw_precision_recall, draw_calibration):
            draw(both, labels, tmp_path / "drawn.png")
        sides.append(cv2.imread(str(tmp_path / "drawn.png")).shape[1])
    assert sides[1] == 2 * sides[0]


def test_a_maps_peak_is_its_strongest_cells_centre() -> None:
    values = np.zeros((4, 4), dtype=np.float32)
    values[1, 3] = 1
    shown = HeatMap(values=values, region=Region(left=-40, top=0, right=120, bottom=160))
    assert peak(shown) == (100, 60)


def test_confusions_count_what_somebody_decided_on() -> None:
    split = scored(40)
    (found,) = confusions(split, [PNEUMONIA])
    called = split.scores("Pneumonia") >= 0.5
    truth = split.truth("Pneumonia")
    assert found.true_positives == (truth & called).sum()
    assert found.false_positives == (~truth & called).sum()
    assert found.false_negatives + found.true_negatives == (~called).sum()
    doubtful = dataclasses.replace(
        split,
        items=tuple(
            dataclasses.replace(item, uncertain=frozenset({"Pneumonia"}) if n < 10 else frozenset())
            for n, item in enumerate(split.items)
        ),
    )
    (fewer,) = confusions(doubtful, [PNEUMONIA])
    counts = (fewer.true_positives, fewer.false_positives)
    counts += (fewer.false_negatives, fewer.true_negatives)
    assert sum(counts) == 30
    measured = measure_split(doubtful, [PNEUMONIA], "test", rounds=9)
    assert {metric.images for metric in measured if metric.group == "all"} == {30}


def test_each_marked_area_has_a_box_and_hits_what_it_lies_in() -> None:
    values = np.zeros((4, 4), dtype=np.float32)
    values[0, :2] = (1, 0.6)
    values[3, 3] = 0.7
    values[2, 0] = 0.4
    shown = HeatMap(values=values, region=Region(left=0, top=0, right=80, bottom=80))
    first, second = marked_boxes(shown)
    assert first == Region(left=0, top=0, right=40, bottom=20)
    assert second == Region(left=60, top=60, right=80, bottom=80)
    assert is_hit(Region(left=30, top=0, right=80, bottom=20), [first, second])
    assert not is_hit(Region(left=31, top=0, right=80, bottom=20), [first, second])
    assert not is_hit(Region(left=0, top=40, right=20, bottom=60), [first, second])
    assert marked_boxes(HeatMap(values=values * 0, region=shown.region)) == []
