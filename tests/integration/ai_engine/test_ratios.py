"""What the node does costs no multiple of what it cannot do without (`bench.guard`)."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.preprocessing.radiograph import read_radiograph
from bench import guard
from dicom_node.demo.synthetic import StudyUids, make_radiograph

pytestmark = pytest.mark.slow


def test_a_prediction_costs_little_more_than_its_network(
    shipped_predictor: ChestRadiographPredictor, cache: Path
) -> None:
    image = read_radiograph(make_radiograph(StudyUids.fresh(), datetime.now(UTC)).dataset)
    backend = OpenVinoBackend.load(shipped_predictor.card, cache=cache, threads=2)
    ratio = guard.predicting(shipped_predictor, backend, image)
    assert ratio.holds, ratio


def test_storing_costs_little_more_than_hashing_and_writing(tmp_path: Path) -> None:
    ratio = guard.storing(tmp_path)
    assert ratio.holds, ratio


def test_daily_work_costs_the_same_however_much_there_is(tmp_path: Path) -> None:
    ratio = guard.growing(tmp_path)
    assert ratio.holds, ratio
