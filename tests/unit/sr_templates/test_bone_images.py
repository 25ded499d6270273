"""Bone-suppressed and bone-only images: the source's grid, what was done, and a warning."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from ai_engine.kinds.bones.prediction import BoneImage, BonePrediction, packed
from ai_engine.prediction import Region
from sr_templates.bone_images import build_bone_image, marked
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_model,
    a_source,
    some_pixels,
)


def prediction(uid: str = IMAGE) -> BonePrediction:
    """A bone of 0.25 over the image's left half."""
    values = np.zeros((100, 100), np.float32)
    values[:, :50] = 0.25
    region = Region(left=0, top=0, right=160, bottom=200)
    image = BoneImage(sop_instance_uid=uid, packed=packed(values), region=region)
    return BonePrediction(model=a_model(), images=(image,))


def built(kind: EvidenceKind, **attributes: object) -> Dataset:
    (made,) = build_bone_image(
        kind, prediction(), a_source(**attributes), some_pixels(), a_context()
    )
    return made


@pytest.mark.parametrize("kind", [EvidenceKind.SOFT, EvidenceKind.BONE])
def test_an_image_has_the_sources_grid_and_says_what_it_is(kind: EvidenceKind) -> None:
    made = built(kind)
    assert problems(made, [a_source()]) == ()
    assert (made.Rows, made.Columns, made.PixelSpacing) == (200, 160, [0.2, 0.2])
    assert made.PatientOrientation == ["L", "F"]
    assert made.ImageType == ["DERIVED", "SECONDARY"]
    assert made.BurnedInAnnotation == "YES"
    assert "network estimated" in made.DerivationDescription
    (source,) = made.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == IMAGE
    assert source.SpatialLocationsPreserved == "YES"
    assert made.ContentQualification == "RESEARCH"
    assert "NOT FOR CLINICAL USE" in made.ImageComments


def test_the_suppressed_image_is_the_radiograph_less_its_bones() -> None:
    soft = built(EvidenceKind.SOFT).pixel_array / 4095
    bone = built(EvidenceKind.BONE).pixel_array / 4095
    source = some_pixels()
    np.testing.assert_allclose(bone[50, 10:70], 0.25, atol=0.001)
    np.testing.assert_allclose(bone[50, 90:], 0, atol=0.001)
    np.testing.assert_allclose(soft[50, 60:70], source[50, 60:70] - 0.25, atol=0.001)
    np.testing.assert_allclose(soft[50, 90:], source[50, 90:], atol=0.001)


def test_each_kind_has_a_series_and_codes_of_its_own() -> None:
    soft, bone = built(EvidenceKind.SOFT), built(EvidenceKind.BONE)
    assert soft.SeriesInstanceUID != bone.SeriesInstanceUID
    assert soft.SOPInstanceUID != bone.SOPInstanceUID
    assert built(EvidenceKind.SOFT).SOPInstanceUID == soft.SOPInstanceUID
    assert [item.CodeValue for item in soft.DerivationCodeSequence] == [
        "bone-suppression",
        "113062",
    ]
    assert "bones suppressed" in soft.SeriesDescription


def test_only_the_lower_edge_is_written_on() -> None:
    values = np.full((300, 240), 0.5, np.float32)
    drawn = marked(values, EvidenceKind.SOFT, a_model())
    grey = round(0.5 * 4095)
    assert (drawn[:270] == drawn[0, 0]).all()
    assert abs(int(drawn[0, 0]) - grey) <= 1
    assert drawn[285:].max() > 3000
    plain = marked(values, EvidenceKind.SOFT, a_model(research_only=False))
    assert (plain != drawn).any()


def test_another_image_has_no_bones() -> None:
    with pytest.raises(EvidenceError, match="does not hold the bones of this image"):
        build_bone_image(
            EvidenceKind.SOFT, prediction("1.9"), a_source(), some_pixels(), a_context()
        )
