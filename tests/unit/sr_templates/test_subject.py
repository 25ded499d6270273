"""Subjects: what is made of one prediction is numbered and referenced without clashes."""

import pytest
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage

from sr_templates.errors import EvidenceError
from sr_templates.subject import finding_subjects, image_subjects
from tests.unit.sr_templates.builders import a_finding, a_prediction, a_source, an_image


def test_findings_of_several_images_never_share_a_number() -> None:
    images = (
        an_image(a_finding(label="a"), a_finding(label="b"), uid="1.2.3.1"),
        an_image(uid="1.2.3.2"),
        an_image(a_finding(label="c"), uid="1.2.3.3"),
    )
    prediction = a_prediction(*images)
    numbers = [
        subject.number
        for image in images
        for subject in finding_subjects(prediction, a_source(SOPInstanceUID=image.sop_instance_uid))
    ]
    assert numbers == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("sop_class", "referenced"), [(EnhancedCTImageStorage, 2), (CTImageStorage, None)]
)
def test_only_a_multi_frame_source_is_referenced_by_frame(
    sop_class: str, referenced: int | None
) -> None:
    prediction = a_prediction(an_image(a_finding(), frame=2))
    source = a_source(SOPClassUID=sop_class, NumberOfFrames=3)
    (subject,) = image_subjects(prediction, source)
    assert subject.reference().get("ReferencedFrameNumber") == referenced


def test_an_image_that_the_prediction_does_not_name_is_refused() -> None:
    with pytest.raises(EvidenceError, match="does not speak of this image"):
        list(image_subjects(a_prediction(), a_source(SOPInstanceUID="1.2.3.999")))
