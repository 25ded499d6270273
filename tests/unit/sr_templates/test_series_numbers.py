"""Series of two models on one study have different numbers."""

from sr_templates.evidence_kind import EVIDENCE
from sr_templates.lung_segmentation import ANATOMY_OFFSET
from sr_templates.series_numbers import BLOCK, LARGEST, series_number
from tests.unit.sr_templates.builders import a_model

NAMES = (
    *("chest-radiograph", "paper1-chexpert", "paper1-rsna", "paper2-type", "paper2-xray-or-not"),
    *("paper3-dual", "paper4-header", "paper4-boxes", "paper4-xception", "dicom-node-routing"),
    *("hand", "vendor-opacity", "torchxrayvision"),
)


def test_every_series_of_every_model_has_a_number_of_its_own() -> None:
    offsets = {spec.series_offset for spec in EVIDENCE.values()}
    offsets.add(EVIDENCE[next(iter(EVIDENCE))].series_offset + ANATOMY_OFFSET)
    assert max(offsets) < BLOCK
    models = [a_model(name=name) for name in NAMES]
    numbers = [series_number(9000, model, offset) for model in models for offset in offsets]
    assert len(set(numbers)) == len(numbers)
    assert all(9000 <= each <= 9000 + LARGEST for each in numbers)


def test_the_model_that_comes_with_the_node_begins_with_the_first() -> None:
    assert series_number(9000, a_model(name="chest-radiograph"), 3) == 9003
