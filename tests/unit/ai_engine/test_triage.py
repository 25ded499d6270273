"""The triage model says how probably a radiograph is not normal."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ai_engine.errors import ModelFolderError
from ai_engine.inference.backend import Activation
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.testing import FakeChestBackend, FakeGuardBackend, chest_card, guard_card
from ai_engine.kinds.triage.triage import TriageModel
from ai_engine.library.card import Label, ModelCard
from tests.unit.ai_engine.test_chest_predictor import radiograph


def triage_card(label: str, threshold: float) -> ModelCard:
    labels = (Label(name=label, title=label, threshold=threshold),)
    return dataclasses.replace(chest_card(Path()), kind="triage", labels=labels)


def guard(appearance: Appearance = Appearance.FRONTAL) -> ChestGuard:
    return ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend(appearance))


@pytest.mark.parametrize(
    ("label", "threshold", "probability", "abnormality", "is_abnormal"),
    [
        ("Abnormal", 0.4, 0.7, 0.7, True),
        ("Abnormal", 0.4, 0.3, 0.3, False),
        ("No_Finding", 0.4, 0.3, 0.7, True),  # 0.7 is above 1 - 0.4
        ("No_Finding", 0.4, 0.5, 0.5, False),
        ("No Finding", 0.4, 0.3, 0.7, True),
    ],
)
def test_abnormal_is_what_the_label_says_or_the_rest_of_no_finding(
    label: str, threshold: float, probability: float, abnormality: float, is_abnormal: bool
) -> None:
    backend = FakeChestBackend(probability=probability)
    model = TriageModel(triage_card(label, threshold), backend, guard=guard())
    found = model.assess([radiograph()])
    assert found is not None
    assert found.probability == pytest.approx(abnormality)
    assert found.is_abnormal is is_abnormal


def test_the_least_normal_image_speaks_for_the_study() -> None:
    class Bright:
        def predict(self, batch: np.ndarray) -> Activation:
            brightest = batch.max(axis=(1, 2, 3))[:, np.newaxis] > 3
            probabilities = np.where(brightest, 0.9, 0.2).astype(np.float32)
            features = np.zeros((len(batch), 1, 1, 1), np.float32)
            return Activation(probabilities=probabilities, features=features)

    normal, other = radiograph("1"), radiograph("2")
    spotted = other.pixels.copy()
    spotted[100:140, 100:140] = 12
    other = dataclasses.replace(other, pixels=spotted)
    model = TriageModel(triage_card("Abnormal", 0.5), Bright(), guard=guard())
    found = model.assess([normal, other, normal])
    assert found is not None
    assert (found.sop_instance_uid, found.is_abnormal) == ("2", True)


def test_images_that_the_guard_refuses_say_nothing() -> None:
    refusing = guard(Appearance.OTHER)
    model = TriageModel(triage_card("Abnormal", 0.5), FakeChestBackend(), guard=refusing)
    assert model.assess([radiograph()]) is None
    assert model.assess([]) is None


def test_a_card_without_a_label_for_normal_is_refused() -> None:
    with pytest.raises(ModelFolderError, match="needs a label Abnormal or No_Finding"):
        TriageModel(triage_card("Pneumonia", 0.5), FakeChestBackend(), guard=guard())
