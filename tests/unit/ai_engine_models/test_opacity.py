"""Paper 4's patient features, and its detector where KerasHub is missing."""

import sys

import numpy as np
import pytest

from ai_engine.errors import BackendError
from ai_engine.kinds.detector.network import build_opacity_detector
from ai_engine.kinds.with_header.head import FEATURES, opacity_features
from ai_engine.preprocessing.patient_context import PatientContext, Sex, View


@pytest.mark.parametrize(
    ("context", "values"),
    [
        (PatientContext(sex=Sex.MALE, age=50, view=View.AP), (1.0, 0.5, 1.0)),
        (PatientContext(sex=Sex.FEMALE, age=0, view=View.PA), (0.0, 0.0, 0.0)),
        (PatientContext(age=148), (0.5, 1.0, 0.5)),
        (PatientContext(), (0.5, 0.5, 0.5)),
    ],
)
def test_the_headers_values_lie_between_0_and_1(
    context: PatientContext, values: tuple[float, ...]
) -> None:
    assert context.values() == values


def test_the_six_features_are_three_probabilities_and_three_values() -> None:
    probabilities = np.array([0.2, 0.7, 0.1], np.float32)
    features = opacity_features(probabilities, PatientContext(sex=Sex.MALE, age=25, view=View.PA))
    assert features.shape == (1, len(FEATURES)) == (1, 6)
    np.testing.assert_allclose(features[0], [0.2, 0.7, 0.1, 1.0, 0.25, 0.0], atol=1e-7)


def test_a_missing_kerashub_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(BackendError, match="trained with KerasHub"):
        build_opacity_detector()
