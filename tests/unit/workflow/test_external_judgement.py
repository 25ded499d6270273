"""What reports of other workstations say of a model's findings; in doubt, nothing."""

from dataclasses import replace

import pytest
from pydicom import Dataset
from pydicom.sr.coding import Code

from dicom_node.domain.review.review import FindingUnderReview
from dicom_node.errors import NotFoundError
from dicom_node.workflow.review.external_judgement import coded, judged
from dicom_node.workflow.testing.review_fakes import fake_details
from sr_templates import codes
from sr_templates.report_reading import FINDING, reported_findings, unread_findings
from tests.unit.workflow.external_reports import (
    IMAGE,
    answer,
    content,
    group,
    image,
    outline,
    section,
)

DETAILS = fake_details(probabilities=(("opacity", 0.9), ("effusion", 0.1)))
OPACITY, EFFUSION = (replace(each, image_uid=IMAGE) for each in DETAILS.findings)
YES = Code("373066001", "SCT", "Yes")
NO = Code("373067005", "SCT", "No")
KNOWN_PRESENT = Code("410515003", "SCT", "Known present")
KNOWN_ABSENT = Code("410516002", "SCT", "Known absent")
PRESENT = Code("52101004", "SCT", "Present")
PRESENT_IN_SNOMED_RT = Code("G-A203", "SRT", "Present")
ABSENT = Code("2667000", "SCT", "Absent")
STATUS = Code("263490005", "SCT", "Status")
CERTAINTY = Code("246103008", "SCT", "Certainty")
IMPROBABLE = Code("385434005", "SCT", "Improbable diagnosis")
HISTORY = Code("121060", "DCM", "History")
RIB_FRACTURE = Code("33737001", "SCT", "Fracture of rib")


def of(finding: FindingUnderReview) -> Code:
    return Code(finding.code.value, finding.code.scheme, finding.code.meaning)


NO_EFFUSION = answer(of(EFFUSION), codes.NEGATIVE, image())


def says(
    *items: Dataset,
    findings: tuple[FindingUnderReview, ...] = (OPACITY, EFFUSION),
    replaces: bool = True,
    images: int = 1,
    frames: int = 1,
) -> list[tuple[str, int | None, str]]:
    report = Dataset()
    report.ContentSequence = list(items)
    made = judged(
        replace(DETAILS.item, image_count=images),
        findings,
        reported_findings(report),
        unread_findings(report, {coded(each) for each in findings}),
        replaces=replaces,
        frame_counts={IMAGE: frames},
    )
    return [(each.label, each.frame_number, each.judgement.value) for each in made]


CONFIRMED, REJECTED = ("opacity", None, "confirmed"), ("opacity", None, "rejected")
DENIED = ("effusion", None, "confirmed")


@pytest.mark.parametrize(
    ("value", "judgement"),
    [
        (codes.POSITIVE, CONFIRMED),
        (YES, CONFIRMED),
        (KNOWN_PRESENT, CONFIRMED),
        (PRESENT, CONFIRMED),
        (PRESENT_IN_SNOMED_RT, CONFIRMED),
        (codes.NEGATIVE, REJECTED),
        (NO, REJECTED),
        (KNOWN_ABSENT, REJECTED),
        (ABSENT, REJECTED),
        (codes.UNDETERMINED, ("opacity", None, "unsure")),
    ],
    ids=lambda each: each.meaning if isinstance(each, Code) else each[2],
)
def test_answers_are_read_whatever_their_words(
    value: Code, judgement: tuple[str, int | None, str]
) -> None:
    assert says(answer(of(OPACITY), value, image()), NO_EFFUSION) == [judgement, DENIED]


def test_an_outline_with_harmless_details_confirms() -> None:
    details = (
        answer(Code("G-C0E3", "SRT", "Finding Site"), Code("39607008", "SCT", "Lung")),
        answer(codes.LATERALITY, codes.LATERALITIES["L"]),
    )
    measured = section(
        codes.IMAGING_MEASUREMENTS, group(of(OPACITY), outline(), *details, answer(*_SAME))
    )
    assert says(measured, NO_EFFUSION, replaces=False) == [CONFIRMED, DENIED]


_SAME = (of(OPACITY), codes.POSITIVE)


def test_what_a_successor_passes_over_is_not_there_and_carries_less_weight() -> None:
    assert says(NO_EFFUSION) == [REJECTED, DENIED]
    assert says(answer(of(OPACITY), codes.POSITIVE, image())) == [CONFIRMED]
    with pytest.raises(NotFoundError, match="says nothing of Opacity"):
        says(NO_EFFUSION, replaces=False)
    with pytest.raises(NotFoundError, match="says nothing of Effusion"):
        says(answer(of(OPACITY), codes.POSITIVE, image()), replaces=False)


BEYOND_DOUBT = "does not say beyond doubt"


@pytest.mark.parametrize(
    ("item", "why"),
    [
        pytest.param(group(of(OPACITY)), BEYOND_DOUBT, id="group without outline"),
        pytest.param(answer(FINDING, of(OPACITY)), BEYOND_DOUBT, id="Finding as a value"),
        pytest.param(answer(FINDING, RIB_FRACTURE), BEYOND_DOUBT, id="unknown Finding"),
        pytest.param(answer(CERTAINTY, of(OPACITY)), BEYOND_DOUBT, id="mentioned as a value"),
        pytest.param(
            answer(of(OPACITY), IMPROBABLE, image()), BEYOND_DOUBT, id="answered in other words"
        ),
        pytest.param(
            answer(of(OPACITY), codes.POSITIVE, image(), answer(CERTAINTY, IMPROBABLE)),
            BEYOND_DOUBT,
            id="with a modifier",
        ),
        pytest.param(
            group(of(OPACITY), answer(STATUS, ABSENT), outline()),
            BEYOND_DOUBT,
            id="outlined with status Absent",
        ),
        pytest.param(
            group(of(OPACITY), answer(of(OPACITY), codes.NEGATIVE), outline()),
            "says different things of Opacity",
            id="outlined and Negative",
        ),
        pytest.param(
            group(of(OPACITY), answer(FINDING, of(EFFUSION)), outline()),
            BEYOND_DOUBT,
            id="two Findings in a group",
        ),
        pytest.param(
            section(HISTORY, answer(of(OPACITY), codes.POSITIVE, image())),
            BEYOND_DOUBT,
            id="in the history",
        ),
        pytest.param(
            answer(of(OPACITY), codes.POSITIVE, image(), image("1.2.3.2")),
            BEYOND_DOUBT,
            id="on one of two images",
        ),
        pytest.param(
            answer(of(OPACITY), codes.POSITIVE, image("1.2.3.2")),
            "on an image that the model did not judge",
            id="on another image",
        ),
        pytest.param(
            answer(RIB_FRACTURE, YES, image()), "does not know", id="unknown finding answered Yes"
        ),
        pytest.param(
            answer(RIB_FRACTURE, YES, image(), answer(CERTAINTY, IMPROBABLE)),
            BEYOND_DOUBT,
            id="unknown finding with a modifier",
        ),
    ],
)
def test_what_is_in_doubt_is_no_word_on_the_finding(item: Dataset, why: str) -> None:
    """Each of these was filed as a rejected or confirmed opacity, or passed over."""
    with pytest.raises(NotFoundError, match=f"{why}.*stays open"):
        says(item, NO_EFFUSION)


def test_where_it_is_must_be_said_if_there_are_several_images() -> None:
    said = answer(of(OPACITY), codes.POSITIVE)
    assert says(said) == [CONFIRMED]
    with pytest.raises(NotFoundError, match="on which image"):
        says(said, images=2)
    second = replace(OPACITY, image_uid="1.2.3.2")
    with pytest.raises(NotFoundError, match="on which image"):
        says(said, findings=(OPACITY, second))
    reference = content("COMPOSITE", codes.SOURCE, ReferencedSOPSequence=[])
    with pytest.raises(NotFoundError, match="on which image"):
        says(answer(of(OPACITY), codes.POSITIVE, reference), images=2)


FRAMES = (replace(OPACITY, frame_number=1), replace(OPACITY, frame_number=2))


def test_frames_are_judged_one_by_one() -> None:
    first = answer(of(OPACITY), codes.POSITIVE, image(frames=1))
    second = answer(of(OPACITY), codes.NEGATIVE, image(frames=2))
    assert says(first, second, findings=FRAMES, frames=2) == [
        ("opacity", 1, "confirmed"),
        ("opacity", 2, "rejected"),
    ]
    neither = answer(of(OPACITY), codes.NEGATIVE, image())
    assert says(neither, findings=FRAMES, frames=2) == [
        ("opacity", 1, "rejected"),
        ("opacity", 2, "rejected"),
    ]


@pytest.mark.parametrize("frames", [None, [1, 2], 3])
def test_what_is_on_some_frame_is_not_on_each(frames: int | list[int] | None) -> None:
    with pytest.raises(NotFoundError, match="other frames"):
        says(answer(of(OPACITY), codes.POSITIVE, image(frames=frames)), findings=FRAMES, frames=2)


def test_a_frame_stands_for_its_image_where_it_is_the_only_one_or_shows_the_finding() -> None:
    there = answer(of(OPACITY), codes.POSITIVE, image(frames=1))
    missing = answer(of(OPACITY), codes.NEGATIVE, image(frames=1))
    assert says(missing, findings=(OPACITY,)) == [REJECTED]
    assert says(there, findings=(OPACITY,), frames=2) == [CONFIRMED]
    with pytest.raises(NotFoundError, match="other frames"):
        says(missing, findings=(OPACITY,), frames=2)
    with pytest.raises(NotFoundError, match="other frames"):
        says(there, answer(of(OPACITY), codes.NEGATIVE, image(frames=2)), frames=2)
