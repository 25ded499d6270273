"""Each lung is a segment of its own, on the right side."""

import io
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset

from sr_templates.lung_segmentation import build_lung_segmentation
from sr_templates.segmentation import build_segmentation
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import a_context, a_model, a_prediction, a_source


def lungs(**source: Any) -> tuple[Dataset, list[Dataset]]:
    """The source, and the segmentation of a lung on each side of it."""
    header = a_source(**source)
    image_left = np.zeros((header.Rows, header.Columns), dtype=np.bool_)
    image_right = image_left.copy()
    image_left[10:20, 3:9] = True
    image_right[10:20, -9:-2] = True
    made = build_lung_segmentation(a_model(), image_left, image_right, header, a_context())
    return header, made


def read_again(dataset: Dataset) -> hd.seg.Segmentation:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return hd.seg.segread(buffer)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("orientation", "right_lung_left_edge"), [(None, 3), (["L", "F"], 3), (["R", "F"], -9)]
)
def test_the_right_lung_is_on_the_patients_right(
    orientation: list[str] | None, right_lung_left_edge: int
) -> None:
    source = {} if orientation is None else {"PatientOrientation": orientation}
    header, (made,) = lungs(**source)
    read = read_again(made)
    assert [item.SegmentLabel for item in read.SegmentSequence] == ["Right lung", "Left lung"]
    right = read.pixel_array[0]
    first_column = int(np.flatnonzero(right.any(axis=0))[0])
    assert first_column == right_lung_left_edge % header.Columns


def test_lungs_are_anatomy_and_lie_in_a_series_of_their_own() -> None:
    header, (made,) = lungs()
    assert problems(made, (header,)) == ()
    categories = {
        item.SegmentedPropertyCategoryCodeSequence[0].CodeValue for item in made.SegmentSequence
    }
    assert categories == {"123037004"}
    (findings,) = build_segmentation(a_prediction(), header, a_context())
    assert made.SOPInstanceUID != findings.SOPInstanceUID
    assert (findings.SeriesNumber, made.SeriesNumber) == (9002, 9012)
    assert made.SeriesDescription == "AI lungs: Chest radiograph"


def test_a_lung_that_was_not_found_has_no_segment() -> None:
    header = a_source()
    nothing = np.zeros((header.Rows, header.Columns), dtype=np.bool_)
    some = nothing.copy()
    some[5:9, 5:9] = True
    (made,) = build_lung_segmentation(a_model(), some, nothing, header, a_context())
    assert len(made.SegmentSequence) == 1
    assert build_lung_segmentation(a_model(), nothing, nothing, header, a_context()) == []


def test_lungs_on_an_image_that_lies_in_space_are_left_out() -> None:
    header = a_source()
    header.FrameOfReferenceUID = "1.2.3"
    some = np.ones((header.Rows, header.Columns), dtype=np.bool_)
    assert build_lung_segmentation(a_model(), some, some, header, a_context()) == []
