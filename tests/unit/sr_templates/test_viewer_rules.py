"""What OHIF 3.12 reads of a report, restated from its source: nothing it finds may stop it."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.dataset import Dataset

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from sr_templates.measurement_report import build_measurement_report
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_finding,
    a_heat_map,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)


def code(item: Dataset) -> str:
    """Read a concept name as the viewer does: every item it looks at must have one."""
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def measurements(report: Dataset) -> Iterator[dict[str, Any]]:
    """Do as OHIF's ``_getMeasurements`` does with one SR instance."""
    imaging = next(item for item in report.ContentSequence if code(item) == "126010")
    for group in imaging.ContentSequence:
        if code(group) != "125007":
            continue
        items = list(group.ContentSequence)
        graphic = next(item for item in items if item.ValueType in ("SCOORD", "SCOORD3D"))
        labels = [
            f"{item.ConceptNameCodeSequence[0].CodeMeaning}: "
            f"{float(item.MeasuredValueSequence[0].NumericValue):.2f} "
            f"{item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue}"
            for item in items
            if item.ValueType == "NUM"
        ]
        sites = [item.ConceptCodeSequence[0].CodeMeaning for item in items if is_site(item)]
        yield {
            "labels": labels + sites,
            "tracking": next(item.UID for item in items if item.ValueType == "UIDREF"),
            "tracking_code": next(code(item) for item in items if item.ValueType == "UIDREF"),
            "identifier": next(item.TextValue for item in items if code(item) == "112039"),
            "image": graphic.ContentSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID,
            "regions": sum(item.ValueType == "SCOORD" for item in items),
        }


def is_site(item: Dataset) -> bool:
    return (
        item.ConceptNameCodeSequence[0].CodingSchemeDesignator == "SCT"
        and code(item) == "363698007"
    )


def report_of(prediction: Prediction) -> Dataset:
    return build_measurement_report(prediction, [a_source()], a_context())


def test_a_label_says_which_finding_it_is_how_probable_and_where() -> None:
    report = report_of(a_prediction())
    assert code(report) == "126000"
    (found,) = measurements(report)
    assert found["labels"] == [
        "Probability of pneumonia: 87.30 %",
        "Threshold Value: 50.00 %",
        "Lung",
    ]
    assert found["identifier"] == "Pneumonia"
    assert found["image"] == IMAGE


def test_each_group_has_one_region_and_its_tracking_uid_first() -> None:
    effusion = a_finding(label="effusion", title="Pleural effusion", probability=0.6)
    twice = a_finding(heat_map=a_heat_map((0.3, 0.5), (0.7, 0.5)))
    found = list(measurements(report_of(a_prediction(an_image(twice, effusion)))))
    assert [one["regions"] for one in found] == [1, 1, 1]
    assert {one["tracking_code"] for one in found} == {"112040"}
    assert len({one["tracking"] for one in found}) == 3


@pytest.mark.parametrize(
    "prediction",
    [
        a_prediction(an_image(a_negative())),
        a_prediction(an_image(a_finding(heat_map=None))),
        Prediction(
            model=a_model(),
            images=(),
            refusals=(
                Refusal(sop_instance_uid=IMAGE, reason=RefusalReason.TOO_SMALL, detail="64 by 64"),
            ),
        ),
    ],
    ids=["negative", "not localised", "refused"],
)
def test_a_report_without_regions_opens_as_words_and_lists_its_images(
    prediction: Prediction,
) -> None:
    report = report_of(prediction)
    assert list(measurements(report)) == []
    # Of this title OHIF shows the regions alone, here a black page; of any other, the words.
    assert code(report) != "126000"
    library = next(item for item in report.ContentSequence if code(item) == "111028")
    group = next(item for item in library.ContentSequence if code(item) == "126200")
    assert [
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in group.ContentSequence
        if "ReferencedSOPSequence" in item
    ] == [IMAGE]


def containers(item: Dataset) -> Iterator[Dataset]:
    if item.ValueType == "CONTAINER":
        yield item
    for each in item.get("ContentSequence", ()):
        yield from containers(each)


@pytest.mark.parametrize(
    "prediction", [a_prediction(), a_prediction(an_image(a_negative()))], ids=["found", "negative"]
)
def test_each_statement_of_a_report_is_shown_with_its_name(prediction: Prediction) -> None:
    # What is CONTINUOUS, viewers write as one text without the names.
    continuity = {each.ContinuityOfContent for each in containers(report_of(prediction))}
    assert continuity == {"SEPARATE"}
