"""A detector in the node: its boxes as report, overlay, state, segmentation and review item."""

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from ai_engine.kinds.testing import write_box_model
from dicom_node.domain.study import StudyState
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.report_reading import reported_findings, reported_regions
from tests.integration.models.conftest import Started
from tests.integration.sr_templates.validators import dciodvfy_errors

BOXES = ((24, 40, 56, 92), (26, 42, 57, 92), (76, 48, 108, 88), (8, 8, 20, 20))
SCORES = (0.91, 0.7, 0.62, 0.2)


def test_boxes_become_every_kind_of_evidence_and_a_review_item(
    started: Started, chest: Dataset
) -> None:
    trial = started(lambda folder: write_box_model(folder, BOXES, SCORES))
    trial.wanting()
    trial.send(chest)
    job = trial.analyse()
    assert trial.works.index.study(trial.study).state is StudyState.ANALYSED
    made = trial.evidence(job)
    assert set(made) >= {EvidenceKind.SR, EvidenceKind.SC, EvidenceKind.SEG, EvidenceKind.PR}
    for path in (path for paths in made.values() for path in paths):
        assert dciodvfy_errors(path) == []
    regions = reported_regions(pydicom.dcmread(made[EvidenceKind.SR][0]))
    assert [region.tracking_identifier for region in regions] == [
        "Lung opacity",
        "Lung opacity (area 2)",
    ]
    (finding,) = trial.works.hotbase.findings(job)
    assert finding["probability"] == pytest.approx(0.91)
    item = trial.works.review_queue.item(job)
    assert item.positive_labels == ("Lung Opacity",)
    (under_review,) = trial.works.review_queue.findings(job)
    assert len(under_review.boxes) == 2
    corners = regions[0].points
    assert under_review.boxes[0].left == pytest.approx(float(np.min(corners[:, 0])), abs=0.01)


def test_no_box_above_the_threshold_is_no_finding(started: Started, chest: Dataset) -> None:
    trial = started(lambda folder: write_box_model(folder, BOXES, (0.4, 0.3, 0.2, 0.1)))
    trial.wanting(EvidenceKind.SR, EvidenceKind.SC)
    trial.send(chest)
    made = trial.evidence(trial.analyse())
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert reported_regions(report) == ()
    assert [each.present for each in reported_findings(report)] == [False]
