"""A verdict in the words of a report: one statement for each label, and for what was added."""

import pytest

from ai_engine.prediction import Region
from dicom_node.domain.review.review import FindingVerdict, Judgement, Laterality, Verdict
from dicom_node.domain.review.verdicts import check_verdict
from dicom_node.workflow.review.statements import statements_of
from dicom_node.workflow.testing.review_fakes import fake_details
from sr_templates.expert_reading import Statement
from tests.unit.domain.test_review_rules import ADA, IMAGE, say

FINDINGS = fake_details().findings
BOX = Region(left=1, top=2, right=3, bottom=4)


def statements(*findings: FindingVerdict) -> dict[str, Statement]:
    verdict = Verdict(item_id="1", reviewer=ADA, findings=findings)
    return {each.title: each for each in statements_of(FINDINGS, verdict)}


def test_what_is_passed_over_is_said_to_be_absent_and_why() -> None:
    said = statements(say(Judgement.CONFIRMED))
    assert said["Opacity"].present is True
    assert said["Opacity"].words == "Confirmed by the reader."
    assert said["Opacity"].reported_as == FINDINGS[0].code
    assert said["Effusion"].present is False
    assert "not contradicted" in said["Effusion"].words
    assert said["Effusion"].reported_as is None


def test_a_finding_that_is_another_one_moves_with_its_place() -> None:
    said = statements(
        say(Judgement.CHANGED, changed_to="effusion", box=BOX, laterality=Laterality.RIGHT)
    )
    assert said["Opacity"].present is False
    assert said["Effusion"].present is True
    assert said["Effusion"].words == "Changed by the reader from Opacity."
    assert said["Effusion"].reported_as == FINDINGS[0].code
    assert (said["Effusion"].box, said["Effusion"].laterality) == (BOX, "R")


def both_there(*findings: FindingVerdict, probability: float = 0.8) -> list[Statement]:
    details = fake_details(probabilities=(("opacity", 0.9), ("effusion", probability)))
    verdict = Verdict(item_id="1", reviewer=ADA, findings=findings)
    check_verdict(verdict, details.findings)
    return [each for each in statements_of(details.findings, verdict) if each.present]


LEFT_EFFUSION = say(
    Judgement.CHANGED, changed_to="effusion", laterality=Laterality.LEFT, box=BOX, comment="small"
)


@pytest.mark.parametrize(
    ("judgement", "probability"), [(Judgement.CONFIRMED, 0.8), (Judgement.ADDED, 0.1)]
)
def test_what_is_really_another_finding_stands_beside_that_one(
    judgement: Judgement, probability: float
) -> None:
    right = say(judgement, "effusion", laterality=Laterality.RIGHT, comment="biopsy")
    first, second = both_there(LEFT_EFFUSION, right, probability=probability)
    assert first.code == second.code
    assert (first.laterality, first.probability) == ("R", probability)
    assert "biopsy" in first.words
    assert first.reported_as == (first.code if probability > 0.5 else None)
    assert (second.laterality, second.box, second.reported_as) == ("L", BOX, FINDINGS[0].code)
    assert second.words == "Changed by the reader from Opacity: small"
    assert (second.probability, second.threshold) == (None, None)


def test_two_findings_that_are_really_a_third_both_keep_their_outlines() -> None:
    labels = ("opacity", 0.9), ("mass", 0.8), ("effusion", 0.1)
    findings = fake_details(probabilities=labels).findings
    changed = [say(Judgement.CHANGED, label, changed_to="effusion") for label, _ in labels[:2]]
    verdict = Verdict(item_id="1", reviewer=ADA, findings=tuple(changed))
    check_verdict(verdict, findings)
    there = [each for each in statements_of(findings, verdict) if each.present]
    assert [each.reported_as for each in there] == [each.code for each in findings[:2]]
    assert [each.probability for each in there] == [0.1, None]


def test_findings_that_change_places_are_said_once_each() -> None:
    there = both_there(
        LEFT_EFFUSION,
        say(Judgement.CHANGED, "effusion", changed_to="opacity", laterality=Laterality.RIGHT),
    )
    said = {each.title: (each.laterality, each.reported_as) for each in there}
    assert len(there) == len(said) == 2
    opacity, effusion = FINDINGS[0].code, there[1].code
    assert said == {"Effusion": ("L", opacity), "Opacity": ("R", effusion)}


def test_the_side_goes_with_the_finding_that_it_really_is() -> None:
    details = fake_details(probabilities=(("opacity", 0.9), ("effusion", 0.1)))
    verdict = Verdict(item_id="1", reviewer=ADA, findings=(LEFT_EFFUSION,))
    sides = {each.title: each.laterality for each in statements_of(details.findings, verdict)}
    assert sides == {"Opacity": "", "Effusion": "L"}


def test_what_has_no_label_is_named_by_the_reader() -> None:
    added = say(Judgement.ADDED, "other", comment="rib  fracture", box=BOX)
    said = statements(say(Judgement.UNSURE, comment="overexposed"), added)
    assert said["rib fracture"].present is True
    assert said["rib fracture"].code.meaning == "Clinical finding"
    assert said["Opacity"].present is None
    assert said["Opacity"].words == "The reader cannot tell: overexposed"
    assert {each.image_uid for each in said.values()} == {IMAGE}
