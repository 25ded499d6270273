"""A verdict in the words of a report: one statement for each label, and for what was added."""

from ai_engine.prediction import Region
from dicom_node.domain.review import FindingVerdict, Judgement, Laterality, Verdict
from dicom_node.workflow.review_fakes import fake_details
from dicom_node.workflow.statements import statements_of
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


def test_what_has_no_label_is_named_by_the_reader() -> None:
    added = say(Judgement.ADDED, "other", comment="rib  fracture", box=BOX)
    said = statements(say(Judgement.UNSURE, comment="overexposed"), added)
    assert said["rib fracture"].present is True
    assert said["rib fracture"].code.meaning == "Clinical finding"
    assert said["Opacity"].present is None
    assert said["Opacity"].words == "The reader cannot tell: overexposed"
    assert {each.image_uid for each in said.values()} == {IMAGE}
