"""Paper 4's classifier in use: header joined with pixels, and said in the report."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.errors import BackendError, ModelFolderError
from ai_engine.kinds.guard.guard import ChestGuard
from ai_engine.kinds.testing import FakeGuardBackend, chest_card, guard_card, told_apart
from ai_engine.kinds.with_header.predictor import OpacityClassifier, OpacityPredictor, joined_words
from ai_engine.library.card import Label
from ai_engine.library.labels import reported_label
from ai_engine.prediction import RemarkKind
from ai_engine.preprocessing.patient_context import PatientContext, Sex, View
from ai_engine.preprocessing.radiograph import Radiograph
from tests.unit.ai_engine.test_boxes import radiograph

Arrays = Mapping[str, npt.NDArray[np.float32]]


class FakeNetwork:
    """Takes the header's age for the probability; the image's upper left cell is hot."""

    inputs = ("image", "header")
    outputs = ("opacity", "classes", "features")

    def run(self, inputs: Arrays) -> Arrays:
        assert inputs["image"].shape == (2, 64, 64, 1)
        features = np.zeros((2, 4, 4, 1), np.float32)
        features[0, 0, 0] = features[1, 0, 3] = 1
        return {
            "opacity": inputs["header"][:, 1:2],
            "classes": np.array([[0.1, 0.7, 0.2], [0.3, 0.5, 0.2]], np.float32),
            "features": features,
        }


def card(*labels: Label) -> object:
    import dataclasses  # noqa: PLC0415

    label = reported_label("Lung Opacity", threshold=0.4)
    return dataclasses.replace(
        chest_card(Path()),
        labels=labels or (label,),
        input_size=64,
        metrics=(told_apart("Lung Opacity"),),
    )


def classifier() -> OpacityClassifier:
    return OpacityClassifier(card(), FakeNetwork(), head=np.array([[0, 2, 0]], np.float32))


def of(patient: PatientContext) -> Radiograph:
    import dataclasses  # noqa: PLC0415

    return dataclasses.replace(radiograph(), patient=patient)


def test_the_header_reaches_the_head_and_the_mirror_image_is_turned_back() -> None:
    look = classifier().look(of(PatientContext(age=65)))
    assert look.probability == pytest.approx(0.65)
    np.testing.assert_allclose(look.classes, [0.2, 0.6, 0.2], atol=1e-6)
    assert look.shown.values[0, 0] == 1
    assert look.shown.values.sum() == 1


def test_a_finding_comes_with_a_remark_on_what_it_rests_on() -> None:
    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend())
    patient = PatientContext(sex=Sex.FEMALE, view=View.PA)
    prediction = OpacityPredictor(classifier(), guard=guard).predict([of(patient)])
    (finding,) = prediction.images[0].positive
    assert (finding.label, finding.probability) == ("Lung Opacity", 0.5)
    (remark,) = prediction.remarks
    assert remark.kind is RemarkKind.HEADER_JOINED
    assert remark.detail == (
        "Pixels alone: normal 20 %, lung opacity 60 %, no lung opacity but not normal 20 %. "
        "Joined with sex and view position of the header. "
        "Age missing or not valid in the header: taken as unknown."
    )


def test_an_empty_header_is_said_to_be_empty() -> None:
    words = joined_words(np.array([0.2, 0.6, 0.2], np.float32), PatientContext())
    assert "Joined with" not in words
    assert words.endswith(
        "Sex, age and view position missing or not valid in the header: taken as unknown."
    )


def test_another_network_or_a_label_without_code_is_refused() -> None:
    class Detector(FakeNetwork):
        outputs = ("boxes", "scores")

    head = np.zeros((1, 3), np.float32)
    with pytest.raises(BackendError, match="three outputs and one label"):
        OpacityClassifier(card(), Detector(), head=head)
    with pytest.raises(ModelFolderError, match="has no code"):
        OpacityClassifier(card(Label(name="x", title="x", threshold=0.5)), FakeNetwork(), head=head)
