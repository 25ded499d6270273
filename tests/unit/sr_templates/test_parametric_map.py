"""Parametric maps carry a heat map's values where the source lies in a plane, and only there."""

import io
from typing import Any

import highdicom as hd
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from ai_engine.prediction import Prediction
from sr_templates.errors import EvidenceError
from sr_templates.heat_map import placed
from sr_templates.parametric_map import build_parametric_map
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_finding,
    a_heat_map,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)

GEOMETRY: dict[str, Any] = {
    "SOPClassUID": CTImageStorage,
    "Modality": "CT",
    "FrameOfReferenceUID": "1.2.3.4",
    "ImagePositionPatient": [1, 2, 3],
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
    "PixelSpacing": [0.5, 0.7],
    "SliceThickness": 2,
}


def maps(prediction: Prediction | None = None, **source: Any) -> list[Dataset]:
    return build_parametric_map(
        prediction or a_prediction(), a_source(**{**GEOMETRY, **source}), a_context()
    )


def test_the_values_are_the_heat_maps_on_the_images_grid() -> None:
    (found,) = maps()
    buffer = io.BytesIO()
    found.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    image = hd.imread(buffer)
    values = image.get_frames(apply_real_world_transform=True)
    expected = placed(a_heat_map(), (200, 160), rows=200, columns=160)
    assert np.array_equal(values[0], expected)
    assert image.get_volume().spacing[1:] == (0.5, 0.7)


def test_a_map_says_what_its_values_mean_and_where_they_come_from() -> None:
    (found,) = maps()
    meaning = found.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert meaning.LUTExplanation == "Pneumonia: none at 0, strongest at 1"
    assert meaning.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    derivation = found.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0]
    assert derivation.SourceImageSequence[0].ReferencedSOPInstanceUID == IMAGE
    assert found.ImageComments == "DEMONSTRATION - NOT FOR CLINICAL USE"
    assert problems(found, [a_source()]) == ()


def test_each_positive_finding_with_a_heat_map_has_one() -> None:
    effusion = a_finding(label="effusion", title="Pleural effusion", probability=0.95)
    found = maps(a_prediction(an_image(a_finding(), effusion, a_negative())))
    assert [one.ContentDescription.split(":")[0] for one in found] == [
        "Pleural effusion",
        "Pneumonia",
    ]
    assert len({one.SOPInstanceUID for one in found}) == 2
    assert [one.InstanceNumber for one in found] == [1, 2]


def test_a_projection_is_refused_with_the_reason() -> None:
    with pytest.raises(EvidenceError, match="lies in no plane of a frame of reference"):
        build_parametric_map(a_prediction(), a_source(), a_context())


def test_where_there_is_nothing_to_map_no_plane_is_missed() -> None:
    prediction = a_prediction(an_image(a_negative()))
    assert build_parametric_map(prediction, a_source(), a_context()) == []


def test_the_same_prediction_gives_the_same_map_in_its_own_series() -> None:
    (one,), (other,) = maps(), maps()
    assert one == other
    assert one.SeriesNumber == 9004


def drop_plane(found: Dataset) -> None:
    del found.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence


def drop_meaning(found: Dataset) -> None:
    del found.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence


def shorten(found: Dataset) -> None:
    found.FloatPixelData = found.FloatPixelData[:-4]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (drop_plane, "the map does not say in which plane it lies"),
        (drop_meaning, "the map does not say what its values mean"),
        (shorten, "the pixel data is not as long as rows, columns and frames say"),
    ],
)
def test_a_map_with_a_fault_is_held_with_one_sentence(change: Any, problem: str) -> None:
    (found,) = maps()
    change(found)
    assert problem in problems(found)
