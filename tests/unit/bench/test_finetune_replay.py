"""The replay of a fine-tuning: who learns from what, and who is measured on what."""

import os
from pathlib import Path

import numpy as np
import pytest

from ai_engine.commands.comparison.paired import ALL_DEVICES
from ai_engine.commands.comparison.standing import Standing
from ai_engine.datasets.cxr import CxrDataset, Split, read_cxr
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.testing import chest_card
from bench.devices import DEVICES
from bench.finetune import SHOWN, UNCHANGED, cases_of, compared, reader
from tests.peers.data import data_root

LABELS = ("Pneumonia", "Abnormal")


@pytest.fixture(scope="module")
def dataset() -> CxrDataset:
    folder = Path(os.environ.get("DICOM_NODE_TEST_DATA", data_root())) / "cxr"
    if not folder.is_dir():
        pytest.skip(f"no radiographs at {folder}: set DICOM_NODE_TEST_DATA")
    return read_cxr(folder)


class Dark:
    """Finds a disease where the middle is darker than the whole."""

    def predict(self, batch: FloatArray) -> Activation:
        middle = batch[:, 100:280, 100:280, 0].mean(axis=(1, 2))
        probabilities = (1 / (1 + np.exp(middle)))[:, np.newaxis].astype(np.float32)
        return Activation(probabilities=probabilities, features=np.zeros((1, 1, 1, 1), np.float32))


def test_no_patient_is_learned_from_and_measured(dataset: CxrDataset) -> None:
    learned = cases_of(dataset.part(Split.VALID), DEVICES[0], LABELS)
    measured = cases_of(dataset.part(Split.TEST), DEVICES[0], LABELS)
    assert len(learned) == 122
    assert len(measured) == 127
    assert not {each.patient for each in learned} & {each.patient for each in measured}
    trained = {item.patient_id for item in dataset.part(Split.TRAIN)}
    assert not trained & {each.patient for each in (*learned, *measured)}


def test_a_case_is_read_as_its_device_shows_it(dataset: CxrDataset) -> None:
    items = dataset.part(Split.TEST)[:1]
    read = reader(dataset)
    plain, negative = (
        read(cases_of(items, device, LABELS)[0]) for device in (UNCHANGED, DEVICES[1])
    )
    assert np.corrcoef(plain.pixels.ravel(), negative.pixels.ravel())[0, 1] < -0.9


@pytest.mark.slow
def test_the_same_model_twice_differs_nowhere(dataset: CxrDataset) -> None:
    items = dataset.part(Split.TEST)[:24]
    model = Scorer(chest_card(Path()), Dark())
    found = compared(model, model, items, read=reader(dataset))
    assert {each.device for each in found.results} == {
        ALL_DEVICES,
        *(device.name for device in SHOWN),
    }
    for each in found.results:
        assert each.standing in (Standing.NO_DIFFERENCE, Standing.TOO_FEW)
        assert each.difference is not None
        assert (each.difference.low, each.difference.value, each.difference.high) == (0, 0, 0)
