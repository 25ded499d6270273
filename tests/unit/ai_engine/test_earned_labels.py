"""A finding is named only by a model that was shown to tell it from other abnormal images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.datasets.cxr import CxrItem, Split, View
from ai_engine.errors import ModelFolderError
from ai_engine.kinds.deciding import Calibration, decided
from ai_engine.kinds.serving import require_reportable
from ai_engine.kinds.telling import (
    keeping_boxes,
    reported_findings,
    reported_scores,
    telling_remarks,
)
from ai_engine.kinds.testing import chest_card, fake_predictor, told_apart
from ai_engine.library.card import Label, ModelCard, read_card, write_card
from ai_engine.library.earned import (
    AMONG_ABNORMAL,
    before_tuning,
    is_earned,
    reported_labels,
    unearned_labels,
    what_it_tells,
)
from ai_engine.library.labels import reported_label
from ai_engine.library.registry import ModelRegistry, shipped_weights, verify_weights
from ai_engine.measures.report import measure_split
from ai_engine.measures.scored import ScoredSplit
from ai_engine.prediction import FoundBox, ImagePrediction, Region, RemarkKind

MODEL_DEFAULT = Calibration()


def card_of(*names: str, earned: tuple[str, ...] = (), **fields: object) -> ModelCard:
    labels = tuple(reported_label(name, threshold=0.4) for name in names)
    metrics = tuple(told_apart(name) for name in earned)
    return replace(chest_card(Path()), labels=labels, metrics=metrics, **fields)


def names(labels: tuple[Label, ...]) -> list[str]:
    return [label.name for label in labels]


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0"])
def test_the_shipped_chest_models_report_abnormal_and_never_pneumonia(version: str) -> None:
    card = read_card(shipped_weights() / "chest-radiograph" / version)
    assert names(unearned_labels(card)) == ["Pneumonia"]
    assert names(reported_labels(card)) == ["Abnormal"]
    assert "not shown to tell pneumonia from other abnormalities" in what_it_tells(card)


def test_a_label_is_earned_by_an_auc_against_abnormal_controls_above_chance() -> None:
    label = reported_label("Pneumonia", threshold=0.4)
    card = card_of("Pneumonia")
    assert not is_earned(card, label)
    assert is_earned(replace(card, metrics=(told_apart("Pneumonia"),)), label)
    at_chance = told_apart("Pneumonia", low=0.5)
    assert not is_earned(replace(card, metrics=(at_chance,)), label)
    against_normal = replace(told_apart("Pneumonia"), group="all")
    assert not is_earned(replace(card, metrics=(against_normal,)), label)


@pytest.mark.parametrize("split", ["train", "valid"])
def test_images_that_trained_or_chose_the_weights_earn_nothing(split: str) -> None:
    card = replace(card_of("Pneumonia"), metrics=(told_apart("Pneumonia", split=split),))
    assert not is_earned(card, card.labels[0])


def test_a_figure_below_chance_elsewhere_takes_the_name_away() -> None:
    elsewhere = replace(
        told_apart("Pneumonia", split="another hospital"), low=0.3, value=0.4, high=0.49
    )
    card = card_of("Pneumonia", earned=("Pneumonia",))
    assert is_earned(card, card.labels[0])
    assert not is_earned(replace(card, metrics=(*card.metrics, elsewhere)), card.labels[0])


def test_what_says_normal_abnormal_or_what_an_image_is_of_needs_no_proof() -> None:
    card = card_of("Abnormal", "No_Finding", "Hand", "X-ray")
    assert reported_labels(card) == card.labels
    assert not what_it_tells(card)


def test_earned_labels_stay_and_one_abnormal_stands_for_the_others() -> None:
    card = card_of("Effusion", "Mass", "Nodule", "No_Finding", earned=("Effusion",))
    assert names(reported_labels(card)) == ["Effusion", "Abnormal"]
    assert "pleural effusion from other abnormalities" in what_it_tells(card)
    assert "not shown to tell lung mass and nodule of lung" in what_it_tells(card)


def test_the_cards_own_label_for_abnormal_is_the_one_that_is_reported() -> None:
    card = card_of("Pneumonia", "Abnormal")
    assert reported_labels(card) == (card.labels[1],)


def test_a_model_of_another_body_part_reports_no_abnormal_chest() -> None:
    card = card_of("Fracture", guard="none", body_parts=("HAND",))
    (label,) = reported_labels(card)
    assert label.code is not None
    assert (label.code.value, label.title) == ("263654008", "Abnormal radiograph")


@pytest.mark.parametrize(
    ("mass", "nodule", "positive"), [(0.39, 0.2, False), (0.41, 0.1, True), (0.1, 0.7, True)]
)
def test_abnormal_is_positive_exactly_where_one_of_the_labels_is(
    mass: float, nodule: float, positive: bool
) -> None:
    card = card_of("Mass", "Nodule")
    findings = [
        decided(card, label, score, MODEL_DEFAULT)
        for label, score in zip(card.labels, (mass, nodule), strict=True)
    ]
    (found,) = reported_findings(card, findings, MODEL_DEFAULT)
    assert (found.label, found.is_positive) == ("Abnormal", positive)
    assert found.code.value == "168734001"


def test_one_label_keeps_its_own_probability_and_threshold_as_abnormal() -> None:
    card = card_of("Mass")
    findings = [decided(card, card.labels[0], 0.37, MODEL_DEFAULT)]
    (found,) = reported_findings(card, findings, MODEL_DEFAULT)
    assert (found.probability, found.threshold, found.title) == (
        0.37,
        0.4,
        "Abnormal chest radiograph",
    )


def test_a_device_is_calibrated_for_the_label_that_is_reported() -> None:
    card = card_of("Mass")
    stricter = Calibration(name="CR1", points={"Abnormal": OperatingPoint(score_threshold=0.8)})
    findings = [decided(card, card.labels[0], 0.7, stricter)]
    (found,) = reported_findings(card, findings, stricter)
    assert (found.threshold, found.is_positive, found.own_probability) == (0.8, False, 0.7)


def test_boxes_of_a_label_that_is_not_earned_are_boxes_of_abnormal() -> None:
    card = card_of("Mass")
    box = FoundBox(region=Region(left=1, top=1, right=5, bottom=5), probability=0.35)
    looser = Calibration(points={"Abnormal": OperatingPoint(score_threshold=0.3)})
    finding = decided(card, card.labels[0], 0.35, keeping_boxes(card, looser), boxes=(box,))
    (found,) = reported_findings(card, [finding], looser)
    assert found.boxes == (box,)
    (at_default,) = reported_findings(card, [finding], MODEL_DEFAULT)
    assert at_default.boxes == ()


def test_a_shadows_scores_are_those_of_the_reported_labels() -> None:
    card = card_of("Effusion", "Mass", earned=("Effusion",))
    assert reported_scores(card, {"Effusion": 0.2, "Mass": 0.3}) == {
        "Effusion": 0.2,
        "Abnormal": 0.3,
    }


def test_the_result_says_once_what_the_model_cannot_tell() -> None:
    card = card_of("Mass")
    images = [ImagePrediction(sop_instance_uid=uid, findings=()) for uid in ("1.2", "1.3")]
    (remark,) = telling_remarks(card, images)
    assert (remark.kind, remark.sop_instance_uid) == (RemarkKind.TELLS_ABNORMAL, "1.2")
    assert telling_remarks(card, []) == ()
    assert telling_remarks(fake_predictor().card, images) == ()


@pytest.mark.parametrize(
    "change", [{"value": 0.6}, {"high": 1.2}, {"images": 0}, {"low": 0.95}], ids=str
)
def test_a_figure_that_cannot_be_is_refused_before_it_earns_anything(
    change: dict[str, float],
) -> None:
    card = replace(card_of("Mass"), metrics=(replace(told_apart("Mass"), **change),))
    with pytest.raises(ModelFolderError, match="cannot be"):
        require_reportable(card, ModelRegistry())


def test_fine_tuned_weights_keep_the_names_with_the_origin_of_the_proof() -> None:
    metrics = before_tuning((told_apart("Mass"), replace(told_apart("Mass"), group="all")))
    assert [each.split for each in metrics] == ["before fine-tuning: test"]
    assert before_tuning(metrics) == metrics
    assert is_earned(replace(card_of("Mass"), metrics=metrics), card_of("Mass").labels[0])


def items(*labels: str) -> tuple[CxrItem, ...]:
    return tuple(
        CxrItem(
            file=f"{row}.png",
            patient_id=str(row),
            age=50.0,
            sex="F",
            view=View.PA,
            split=Split.TEST,
            labels=frozenset(label.split("+")),
        )
        for row, label in enumerate(labels)
    )


def test_an_evaluation_measures_every_disease_among_the_abnormal_images_alone() -> None:
    shown = items(*["Mass+Abnormal"] * 6, *["Effusion+Abnormal"] * 6, *["No_Finding"] * 30)
    scores = np.array([[0.9]] * 6 + [[0.9]] * 6 + [[0.1]] * 30)
    scored = ScoredSplit(items=shown, labels=("Mass",), probabilities=scores)
    label = reported_label("Mass", threshold=0.5)
    found = {
        each.group: each
        for each in measure_split(scored, (label,), "test", rounds=40)
        if each.name == "auc"
    }
    assert found["all"].value > 0.9, "it tells abnormal from normal"
    assert (found[AMONG_ABNORMAL].value, found[AMONG_ABNORMAL].images) == (0.5, 12)
    assert AMONG_ABNORMAL not in {
        each.group
        for each in measure_split(
            ScoredSplit(items=shown, labels=("Abnormal",), probabilities=scores),
            (reported_label("Abnormal", threshold=0.5),),
            "test",
            rounds=5,
        )
    }


def test_figures_of_other_weights_make_a_card_unreadable(tmp_path: Path) -> None:
    card = chest_card(tmp_path, digest="a" * 64)
    write_card(replace(card, figures_of="a" * 64))
    assert read_card(tmp_path).figures_of == "a" * 64
    write_card(replace(card, figures_of="b" * 64))
    with pytest.raises(ModelFolderError, match="measured on other weights"):
        read_card(tmp_path)


@pytest.mark.parametrize("folder", sorted((shipped_weights() / "chest-radiograph").iterdir()))
def test_every_shipped_chest_cards_figures_are_of_its_weights(folder: Path) -> None:
    card = read_card(folder)
    verify_weights(card)
    assert card.figures_of == card.weights_digest
