"""Frontal and lateral images of one study in the node: paired by their view, told where not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from ai_engine.datasets.chexpert import CHEXPERT_LABELS
from ai_engine.kinds.dual_view import loading as dual_view_loading
from ai_engine.kinds.dual_view.predictor import DualViewPredictor
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ModelCard, write_card
from ai_engine.library.labels import reported_label
from ai_engine.library.weights_file import write_weights
from dicom_node.domain.study import StudyState
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.report_reading import reported_findings
from tests.integration.models.conftest import Started
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.unit.ai_engine.test_dual_view import FakeDualBranch


class ThirteenLabels(FakeDualBranch):
    """The fake network with an answer for each of the paper's labels."""

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Sure of the first label with a lateral image, of nothing without."""
        said = super().run(inputs)
        joined = np.full((1, len(CHEXPERT_LABELS)), 0.1, np.float32)
        joined[0, 0] = said["joined"][0, 0]
        return said | {"joined": joined}


def written(folder: Path) -> ModelCard:
    """A dual view's card; what would run it is put in by the test."""
    place = folder / "paper3-dual-branch" / "1.0.0"
    place.mkdir(parents=True)
    labels = tuple(reported_label(name, threshold=0.5) for name in CHEXPERT_LABELS)
    card = replace(
        chest_card(place),
        name="paper3-dual-branch",
        version="1.0.0",
        title="Frontal and lateral",
        kind="dual-view",
        architecture="dual_branch",
        input_size=64,
        labels=labels,
    )
    digest = write_weights(card.weights_path, {"none": np.zeros(1, np.float32)})
    card = replace(card, weights_digest=digest)
    write_card(card)
    return card


@pytest.fixture
def lateral(chest: Dataset) -> Callable[[], Dataset]:
    """The same patient from the side, as a drawing: one airy field on its side."""

    def make() -> Dataset:
        made = pydicom.Dataset(chest)
        made.SOPInstanceUID = generate_uid()
        made.InstanceNumber = 2
        made.ViewPosition = "LL"
        del made.ViewCodeSequence
        pixels = chest.pixel_array
        made.PixelData = np.ascontiguousarray(np.rot90(pixels, 1)).tobytes()
        made.Rows, made.Columns = pixels.shape[1], pixels.shape[0]
        return made

    return make


@pytest.fixture(autouse=True)
def _network(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(loading: Loading) -> DualViewPredictor:
        card, guard = loading.card, loading.guard()
        heads = {
            name: np.ones((1, len(card.labels)), np.float32) for name in ("frontal", "lateral")
        }
        return DualViewPredictor(card, ThirteenLabels(), heads=heads, guard=guard)

    monkeypatch.setattr(dual_view_loading, "load", load)


def test_both_views_are_judged_together_and_reported(
    started: Started, chest: Dataset, lateral: Callable[[], Dataset]
) -> None:
    trial = started(written)
    trial.wanting()
    trial.send(chest)
    trial.send(lateral())
    job = trial.analyse()
    assert trial.works.index.study(trial.study).state is StudyState.ANALYSED
    made = trial.evidence(job)
    assert {EvidenceKind.SR, EvidenceKind.SC, EvidenceKind.SEG, EvidenceKind.PDF} <= set(made)
    for path in (path for paths in made.values() for path in paths):
        assert dciodvfy_errors(path) == []
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert "R-LATERAL-USED" in report.to_json()
    present = [each for each in reported_findings(report) if each.present]
    assert {each.meaning for each in present} == {"Standard chest X-ray abnormal"}
    assert len({each.image_uid for each in present}) == 2
    kinds = [remark["kind"] for remark in trial.works.hotbase.remarks(job)]
    assert kinds.count("judged with the lateral image") == 1
    labels = {finding["label"] for finding in trial.works.hotbase.findings(job)}
    assert "Abnormal" in labels
    assert labels - {"Abnormal"} <= set(CHEXPERT_LABELS)  # those that its card shows it to tell
    assert trial.works.review_queue.item(job).positive_labels == ("Abnormal",)


def test_without_the_lateral_image_the_report_says_so(started: Started, chest: Dataset) -> None:
    trial = started(written)
    trial.wanting(EvidenceKind.SR)
    trial.send(chest)
    job = trial.analyse()
    report = pydicom.dcmread(trial.evidence(job)[EvidenceKind.SR][0])
    assert "R-NO-LATERAL" in report.to_json()
    assert not any(each.present for each in reported_findings(report))
    details = [remark["detail"] for remark in trial.works.hotbase.remarks(job)]
    assert any("the frontal one was judged alone" in each for each in details)


def test_a_frontal_image_that_is_tagged_lateral_is_refused_and_the_disagreement_told(
    started: Started, chest: Dataset
) -> None:
    trial = started(written)
    trial.wanting(EvidenceKind.SR)
    chest.ViewPosition = "LL"
    trial.send(chest)
    job = trial.analyse()
    (refusal,) = trial.works.hotbase.refusals(job)
    assert refusal["reason"] == "not a lateral chest radiograph"
    details = {each["kind"]: each["detail"] for each in trial.works.hotbase.remarks(job)}
    assert "says view LL" in details["header and pixels disagree"]
