"""What a CT series' header limits: age, computed images, breathing, quality control, kernel."""

import pytest
from pydicom import Dataset

from ai_engine.ct.kernels import Kernel
from ai_engine.ct.series import list_series
from ai_engine.ct.testing import ct_datasets, phantom
from ai_engine.ct.unusual_series import series_remarks
from ai_engine.library.registry import ModelRegistry
from ai_engine.prediction import RemarkKind

CARD = ModelRegistry().card("ct-high-attenuation", "1.0.0")


def said(kernel: Kernel = Kernel.SOFT, **attributes: object) -> list[tuple[RemarkKind, str]]:
    header = Dataset()
    for keyword, value in {"PatientAge": "064Y", **attributes}.items():
        setattr(header, keyword, value)
    return [(each.kind, each.detail) for each in series_remarks(CARD, header, kernel)]


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ({"PatientAge": "003Y"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientAge": "017Y"}, [RemarkKind.AGE_OUTSIDE]),
        (
            {"PatientAge": "", "PatientBirthDate": "20200101", "StudyDate": "20260101"},
            [RemarkKind.AGE_OUTSIDE],
        ),
        ({"PatientAge": ""}, [RemarkKind.AGE_UNKNOWN]),
        ({"PatientAge": "018Y"}, []),
        (
            {"PatientAge": "064Y", "PatientBirthDate": "20200101", "StudyDate": "20260101"},
            [RemarkKind.AGE_UNKNOWN, RemarkKind.HEADER_VALUES],
        ),
    ],
    ids=str,
)
def test_a_child_is_measured_with_a_remark(
    attributes: dict[str, str], kinds: list[RemarkKind]
) -> None:
    assert [kind for kind, _ in said(**attributes)] == kinds


@pytest.mark.parametrize(
    ("attributes", "what"),
    [
        ({"SeriesDescription": "VNC 1.0"}, "computed from two energies"),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MONO_E", "70 KEV"]}, "two energies"),
        ({"SeriesDescription": "Thorax Iodine Map"}, "two energies"),
        ({"SeriesDescription": "AC CT 3.0 HD_FOV"}, "attenuation correction"),
        ({"SeriesDescription": "CTAC 3.75 Thick"}, "attenuation correction"),
        ({"SeriesDescription": "4DCT Ave IP"}, "breathing phases"),
        ({"ProtocolName": "Thorax Exspiration"}, "in expiration"),
        ({"SeriesDescription": "LUNG EXPIRATORY"}, "in expiration"),
        ({"StudyDescription": "Daily QA"}, "quality control"),
        ({"PatientName": "PHANTOM^LUNGMAN"}, "quality control"),
        ({"QualityControlImage": "YES"}, "quality control"),
        ({"SeriesDescription": "CBCT chest"}, "cone beam"),
    ],
    ids=str,
)
def test_images_that_the_method_was_not_made_for_are_named(
    attributes: dict[str, object], what: str
) -> None:
    ((kind, detail),) = said(**attributes)
    assert kind is RemarkKind.UNLIKE_TRAINING
    assert what in detail


@pytest.mark.parametrize(
    "attributes",
    [
        {"SeriesDescription": "Thorax 1.0 Br40", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]},
        {"StudyDescription": "CT Thorax insp + exsp", "SeriesDescription": "Insp 1.0"},
        {"StudyDescription": "CT abdomen and brain perfusion", "SeriesDescription": "Lung"},
        {"PatientName": "Phan^Tom"},
        {"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]},
    ],
    ids=str,
)
def test_plain_slices_have_nothing_said_of_them(attributes: dict[str, object]) -> None:
    assert said(**attributes) == []


def test_a_kernel_for_bone_is_said_where_no_other_is_at_hand() -> None:
    ((kind, detail),) = said(Kernel.BONE)
    assert kind is RemarkKind.UNLIKE_TRAINING
    assert "bone" in detail


def test_the_kernel_of_multi_frame_objects_is_known() -> None:
    header = ct_datasets(phantom(shape=(20, 32, 32), spacing=(5.0, 8.0, 8.0)))[0]
    group, reconstruction = Dataset(), Dataset()
    reconstruction.ConvolutionKernel = "B75f"
    group.CTReconstructionSequence = [reconstruction]
    header.SharedFunctionalGroupsSequence = [group]
    ((series,), _) = list_series([header])
    assert series.kernel is Kernel.BONE
