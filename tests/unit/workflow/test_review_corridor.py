"""From a reported analysis to a verified report and a Warehouse record, all stages real."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ai_engine.prediction import Region
from dicom_node.domain.application_entity import ADMINISTERED_EVIDENCE, Role
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.reception import Announcement
from dicom_node.domain.review.queue import NotReopenedError
from dicom_node.domain.review.review import (
    FindingVerdict,
    Judgement,
    Laterality,
    Reviewer,
    ReviewerRole,
    ReviewItem,
    ReviewState,
    Verdict,
)
from dicom_node.domain.warehouse import TruthSource, Verification, WarehouseRecord
from dicom_node.persistence.corridor.tables import EVIDENCE, INSTANCES
from dicom_node.persistence.review.reopening import ReopeningStore
from dicom_node.workflow.review.statements import statements_of
from dicom_node.workflow.review.withdraw import Withdrawing
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.expert_reading import ExpertReading, Observer
from sr_templates.report_reading import (
    evidence_of,
    predecessors_of,
    reported_findings,
    reported_regions,
)
from sr_templates.verified_report import build_verified_report
from tests.unit.builders import EPOCH, STUDY, an_entity
from tests.unit.sr_templates.test_verified_report import texts_of
from tests.unit.workflow.test_pipeline import Works, _context, _encoded

pytestmark = pytest.mark.slow

IMAGE = "1.2.3.1"
ADA = Reviewer(
    user_name="ada", person_name="Expert^Ada", organisation="Clinic", role=ReviewerRole.VERIFIER
)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    made.receive(IMAGE, BodyPartExamined="CHEST", Manufacturer="Maker")
    made.analyse("first")
    return made


def only_item(works: Works) -> ReviewItem:
    (item,) = works.review_queue.items().items
    return item


def say(judgement: Judgement, **more: object) -> FindingVerdict:
    return FindingVerdict(image_uid=IMAGE, label="opacity", judgement=judgement, **more)  # type: ignore[arg-type]


def decide(works: Works, verdict: Verdict) -> None:
    works.review_queue.claim(verdict.item_id, verdict.reviewer)
    works.review_queue.decide(verdict)


def concluded(works: Works, *findings: FindingVerdict, **more: object) -> WarehouseRecord:
    item = only_item(works)
    decide(works, Verdict(item_id=item.item_id, reviewer=ADA, findings=findings, **more))  # type: ignore[arg-type]
    works.corridor.conclude(item.item_id, InlineSteps())
    return works.warehouse.record(item.item_id)


def verdict_objects(works: Works, record: WarehouseRecord) -> list[Dataset]:
    return [
        works.objects.evidence(each.path)
        for each in works.hotbase.evidence(record.record_id, EvidenceSet.VERDICT)
    ]


def test_a_reported_analysis_waits_with_what_an_expert_needs(works: Works) -> None:
    item = only_item(works)
    assert (item.state, item.modality, item.body_part) == (ReviewState.WAITING, "DX", "CHEST")
    assert item.device.device_id.startswith("cr1-maker")
    assert item.leading_label == "opacity"
    details = works.review_queue.open(item.item_id, ADA)
    (finding,) = details.findings
    (box,) = finding.boxes
    assert 0 <= box.left < box.right <= 64
    assert finding.score == finding.probability == 0.9
    assert [image.sop_instance_uid for image in details.images] == [IMAGE]
    assert [each.label for each in details.vocabulary] == ["opacity", "other"]


def test_a_confirmed_item_becomes_a_verified_report_and_a_record(works: Works) -> None:
    (ai_report,) = works.reports()
    record = concluded(works, say(Judgement.CONFIRMED))
    (report,) = verdict_objects(works, record)
    assert report.VerificationFlag == "VERIFIED"
    assert report.SeriesInstanceUID == ai_report.SeriesInstanceUID
    assert reported_regions(report)[0].tracking_uid == reported_regions(ai_report)[0].tracking_uid
    assert record.ai_report_uid == ai_report.SOPInstanceUID
    assert record.verdict_object_uid == report.SOPInstanceUID
    assert record.verification is Verification.VERIFIED
    assert record.reviewers == (ADA,)
    (truth,) = record.truths
    assert (truth.label, truth.value, truth.source) == ("opacity", True, TruthSource.EXPERT)
    assert (truth.probability, truth.threshold) == (0.9, 0.5)
    (labelled,) = record.boxes
    assert not labelled.drawn
    assert works.review_queue.unconcluded(works.clock()) == ()


def test_images_are_filed_by_device_and_outlive_the_hotbase(works: Works) -> None:
    record = concluded(works, say(Judgement.CONFIRMED))
    (image,) = record.images
    assert image.path == f"{record.device.device_id}/{STUDY}/{IMAGE}.dcm"
    works.objects.source_path(image.archived_path).unlink()
    assert (works.folder / "warehouse" / image.path).stat().st_size > 0


def test_an_image_whose_file_is_gone_does_not_lose_the_verdict(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    (instance,) = works.index.instances(STUDY)
    works.objects.source_path(instance.path).unlink()
    record = concluded(works, say(Judgement.CONFIRMED))
    (image,) = record.images
    assert image.is_missing
    assert image.archived_path == instance.path
    assert [each.value for each in record.truths] == [True]
    assert "send the study again" in caplog.text


def test_the_verdict_goes_where_the_result_went(works: Works) -> None:
    item = only_item(works)
    decide(works, Verdict(item_id=item.item_id, reviewer=ADA, findings=(say(Judgement.CONFIRMED),)))
    works.corridor.conclude(item.item_id, InlineSteps())
    planned = works.deliveries.of_job(item.item_id)
    assert {each.evidence_set for each in planned} == {EvidenceSet.RESULT, EvidenceSet.VERDICT}
    assert {each.destination for each in planned} == {"PACS"}
    works.corridor.conclude(item.item_id, InlineSteps())
    assert works.deliveries.of_job(item.item_id) == planned, "the same delivery, once"
    assert len(works.hotbase.evidence(item.item_id, EvidenceSet.VERDICT)) == 1


def test_what_the_expert_changed_is_in_the_report_and_the_record(works: Works) -> None:
    box = Region(left=4, top=8, right=20, bottom=30)
    record = concluded(
        works,
        say(
            Judgement.CHANGED,
            box=box,
            laterality=Laterality.LEFT,
            comment="a nodule, left",
            changed_to="other",
        ),
        comment="Rotated",
    )
    (report,) = verdict_objects(works, record)
    (region,) = reported_regions(report)
    assert region.points.min(axis=0).tolist() == [4, 8]
    assert {(each.meaning, each.present) for each in reported_findings(report)} == {
        ("Pulmonary opacity", False),
        ("Clinical finding", True),
    }
    (change,) = record.changes
    assert (change.label, change.changed_to) == ("opacity", "other")
    assert change.by_model == "positive (0.9000, threshold 0.5000)"
    (labelled,) = record.boxes
    assert (labelled.label, labelled.drawn, labelled.box) == ("other", True, box)
    assert [each.value for each in record.truths] == [False]


def test_a_rejected_result_becomes_a_rejection_of_everything_that_was_sent(works: Works) -> None:
    record = concluded(works, rejected=True, comment="Another patient")
    (rejection,) = works.hotbase.evidence(record.record_id, EvidenceSet.VERDICT)
    assert rejection.kind is EvidenceKind.REJECTION
    assert rejection.problems == ()
    assert record.verification is Verification.REJECTED
    assert record.truths == record.boxes == ()


def hold_report(works: Works) -> None:
    """Let the gate have kept the report of the only item back, and nothing else of it."""
    evidence = works.hotbase.evidence(only_item(works).item_id)
    works.hotbase.keep_evidence(
        [replace(each, problems=("x",)) for each in evidence if each.kind is EvidenceKind.SR]
    )


def test_a_rejected_result_whose_report_was_held_is_rejected_where_the_rest_went(
    works: Works,
) -> None:
    hold_report(works)
    sent = {
        each.sop_instance_uid
        for each in works.hotbase.evidence(only_item(works).item_id)
        if not each.is_held
    }
    record = concluded(works, rejected=True, comment="Another patient")
    (rejection,) = verdict_objects(works, record)
    assert sent
    assert set(evidence_of(rejection)) == sent
    assert record.verdict_object_uid == rejection.SOPInstanceUID


def test_a_confirmed_result_whose_report_was_held_has_none_to_verify(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    hold_report(works)
    record = concluded(works, say(Judgement.CONFIRMED))
    assert verdict_objects(works, record) == []
    assert "has no report that was sent" in caplog.text


def test_who_may_not_verify_attests(works: Works) -> None:
    item = only_item(works)
    trainee = replace(ADA, user_name="ben", role=ReviewerRole.ATTESTOR)
    decide(
        works, Verdict(item_id=item.item_id, reviewer=trainee, findings=(say(Judgement.REJECTED),))
    )
    works.corridor.conclude(item.item_id, InlineSteps())
    record = works.warehouse.record(item.item_id)
    assert record.verification is Verification.ATTESTED
    (report,) = verdict_objects(works, record)
    assert report.VerificationFlag == "UNVERIFIED"
    assert len(report.ParticipantSequence) == 1


def read_twice(works: Works, *verdicts: Verdict) -> ReviewItem:
    item = only_item(works)
    with works.engine.begin() as connection:
        connection.execute(sa.text("UPDATE review_items SET readers = 2"))
    for each in verdicts:
        decide(works, replace(each, item_id=item.item_id))
    return works.review_queue.item(item.item_id)


def test_a_verified_report_says_what_the_reader_said_who_verifies(works: Works) -> None:
    ben = replace(ADA, user_name="ben", person_name="Resident^Ben", role=ReviewerRole.ATTESTOR)
    left = say(Judgement.CONFIRMED, laterality=Laterality.LEFT)
    item = read_twice(
        works,
        Verdict(item_id="", reviewer=ADA, findings=(left,), comment="Recommend CT."),
        Verdict(item_id="", reviewer=ben, findings=(say(Judgement.CONFIRMED, comment="faint"),)),
    )
    assert (item.state, item.decided_by) == (ReviewState.DECIDED, ("ada", "ben"))
    works.corridor.conclude(item.item_id, InlineSteps())
    record = works.warehouse.record(item.item_id)
    assert [each.source for each in record.truths] == [TruthSource.CONSENSUS]
    assert record.comment == "Expert, Ada: Recommend CT.\nResident, Ben on Pulmonary opacity: faint"
    (report,) = verdict_objects(works, record)
    assert report.VerificationFlag == "VERIFIED"
    (verifying,), (attesting,) = report.VerifyingObserverSequence, report.ParticipantSequence
    assert (verifying.VerifyingObserverName, attesting.PersonName) == (
        "Expert^Ada",
        "Resident^Ben",
    )
    (observer,) = [each for each in report.ContentSequence if each.ValueType == "PNAME"]
    assert observer.PersonName == "Expert^Ada"
    content = report.to_json()
    assert "Recommend CT." in content
    assert '"Left"' in content


def test_readers_who_see_it_on_opposite_sides_decide_nothing(works: Works) -> None:
    ben = replace(ADA, user_name="ben")
    item = read_twice(
        works,
        *(
            Verdict(
                item_id="",
                reviewer=reviewer,
                findings=(say(Judgement.CONFIRMED, laterality=side),),
            )
            for reviewer, side in ((ADA, Laterality.LEFT), (ben, Laterality.RIGHT))
        ),
    )
    assert (item.state, item.disputed) == (ReviewState.ADJUDICATING, True)


def test_a_late_image_supersedes_what_waits(works: Works) -> None:
    before = only_item(works)
    works.clock.advance(60)
    works.receive("1.2.3.2")
    works.analyse("second")
    after = only_item(works)
    assert after.item_id != before.item_id
    old = works.review_queue.item(before.item_id)
    assert (old.state, old.superseded_by) == (ReviewState.SUPERSEDED, after.item_id)


def late_image(works: Works, uid: str) -> Dataset:
    """Let another image of the study arrive; return the report on both."""
    works.clock.advance(60)
    works.receive(uid)
    works.analyse(uid)
    return max(works.reports(), key=lambda each: int(each.InstanceNumber))


def notes_of(report: Dataset) -> list[str]:
    return [each for each in texts_of(report) if "stands beside this one" in each]


def test_a_late_image_leads_to_a_report_that_does_not_hide_the_verified_one(works: Works) -> None:
    (first,) = works.reports()
    (verified,) = verdict_objects(works, concluded(works, say(Judgement.CONFIRMED)))
    second = late_image(works, "1.2.3.2")
    assert [each.InstanceNumber for each in (first, verified, second)] == [1, 2, 3]
    assert set(predecessors_of(second)) == {first.SOPInstanceUID, verified.SOPInstanceUID}
    assert second.VerificationFlag == "UNVERIFIED"
    (note,) = notes_of(second)
    assert note.startswith("A verified report on an earlier result")
    assert "(number 2 of this series)" in note
    third = late_image(works, "1.2.3.3")
    assert third.InstanceNumber == 4
    assert set(predecessors_of(third)) == {second.SOPInstanceUID, verified.SOPInstanceUID}
    assert notes_of(third) == [note]
    assert all(not each.is_held for each in works.hotbase.evidence(only_item(works).item_id))


def test_a_late_image_after_an_attested_report_does_not_call_it_verified(works: Works) -> None:
    item = only_item(works)
    trainee = replace(ADA, role=ReviewerRole.ATTESTOR)
    findings = (say(Judgement.CONFIRMED),)
    decide(works, Verdict(item_id=item.item_id, reviewer=trainee, findings=findings))
    works.corridor.conclude(item.item_id, InlineSteps())
    (note,) = notes_of(late_image(works, "1.2.3.2"))
    assert note.startswith("A reader's report, not verified, on an earlier result")


@pytest.mark.parametrize("number", ["70000", None])
def test_a_late_image_after_another_workstations_report_names_that(
    works: Works, number: str | None
) -> None:
    (first,) = works.reports()
    external = external_report(works, say(Judgement.CONFIRMED))
    external.SeriesInstanceUID = "1.2.9"
    external.InstanceNumber = number
    send_report(works, external, "1.2.3.7")
    second = late_image(works, "1.2.3.2")
    assert second.InstanceNumber == 2
    assert set(predecessors_of(second)) == {first.SOPInstanceUID, "1.2.3.7"}
    (note,) = notes_of(second)
    assert "(another series)" in note


def test_a_late_image_is_reported_also_where_the_outside_report_is_gone(
    works: Works, caplog: pytest.LogCaptureFixture
) -> None:
    (first,) = works.reports()
    item = only_item(works)
    send_report(works, external_report(works, say(Judgement.CONFIRMED)), "1.2.3.7")
    (closing,) = works.external.of_item(item.item_id)
    works.objects.source_path(closing.path).unlink()
    second = late_image(works, "1.2.3.2")
    assert predecessors_of(second) == (first.SOPInstanceUID,)
    assert "not listed as predecessor sop=1.2.3.7" in caplog.text


def send_report(works: Works, report: Dataset, uid: str) -> InlineSteps:
    """Let another workstation store its report, and the node look at the study again."""
    report.SOPInstanceUID = uid
    stored = works.received.store(
        _encoded(report),
        Announcement(
            sop_class_uid=report.SOPClassUID,
            sop_instance_uid=uid,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            calling_ae="WORKSTATION",
            called_ae="AINODE",
            received_at=works.clock(),
        ),
    )
    works.index.record([stored.instance])
    return works.analyse(f"after {uid}")


def external_report(works: Works, *findings: FindingVerdict, verified: bool = True) -> Dataset:
    """Make a report of the node's result as another workstation would."""
    item = only_item(works)
    (ai_report,) = works.reports()
    (instance,) = works.index.instances(STUDY)
    verdict = Verdict(item_id=item.item_id, reviewer=ADA, findings=findings)
    return build_verified_report(
        ai_report,
        [works.objects.source(instance.path)],
        item.model,
        ExpertReading(
            observers=(Observer(name="Else^Some", organisation="Else", may_verify=verified),),
            decided_at=works.clock(),
            statements=statements_of(works.review_queue.findings(item.item_id), verdict),
        ),
        _context(works.clock()),
    )


@pytest.mark.parametrize("verified", [True, False], ids=["verified", "corrected"])
def test_a_report_of_another_workstation_closes_the_item(works: Works, verified: bool) -> None:
    item = only_item(works)
    report = external_report(works, say(Judgement.REJECTED), verified=verified)
    steps = send_report(works, report, "1.2.3.7")
    assert steps.concluded == [item.item_id]
    closed = works.review_queue.item(item.item_id)
    assert (closed.state, closed.decided_by) == (ReviewState.DECIDED, ("WORKSTATION",))
    works.corridor.conclude(item.item_id, InlineSteps())
    record = works.warehouse.record(item.item_id)
    assert (record.verification, record.verdict_object_uid) == (Verification.EXTERNAL, "1.2.3.7")
    assert [(each.value, each.source) for each in record.truths] == [(False, TruthSource.EXTERNAL)]
    assert works.hotbase.evidence(item.item_id, EvidenceSet.VERDICT) == ()
    assert send_report(works, report, "1.2.3.8").concluded == [], "decided already"


def test_a_report_with_unknown_findings_is_stored_and_leaves_the_item_open(works: Works) -> None:
    item = only_item(works)
    report = external_report(
        works, say(Judgement.CHANGED, changed_to="other", comment="a rib fracture")
    )
    assert send_report(works, report, "1.2.3.7").concluded == []
    assert works.review_queue.item(item.item_id).is_open
    (noted,) = works.external.of_item(item.item_id)
    assert "does not know" in noted.message
    assert "stays open" in noted.message


def test_a_report_without_findings_says_so(works: Works) -> None:
    report = external_report(works, say(Judgement.CONFIRMED))
    report.ContentSequence = []
    assert send_report(works, report, "1.2.3.7").concluded == []
    (noted,) = works.external.of_item(only_item(works).item_id)
    assert "no finding of the model could be read" in noted.message


def test_the_nodes_own_report_and_reports_on_other_things_close_nothing(works: Works) -> None:
    (own,) = works.reports()
    foreign = external_report(works, say(Judgement.CONFIRMED))
    assert send_report(works, own, own.SOPInstanceUID).concluded == []
    del foreign.PredecessorDocumentsSequence
    foreign.SeriesInstanceUID = "1.2.9"
    assert send_report(works, foreign, "1.2.3.8").concluded == []
    assert only_item(works).state is ReviewState.WAITING


def test_the_nodes_verdict_that_a_pacs_sends_back_is_not_an_outside_one(works: Works) -> None:
    record = concluded(works, say(Judgement.CONFIRMED))
    (report,) = verdict_objects(works, record)
    assert send_report(works, report, report.SOPInstanceUID).concluded == []
    assert works.external.of_item(record.record_id) == ()


def test_a_verdict_taken_back_is_followed_by_another_report_and_learned_from_once(
    works: Works,
) -> None:
    (ai_report,) = works.reports()
    before = concluded(works, say(Judgement.CONFIRMED))
    (wrong,) = verdict_objects(works, before)
    item = works.review_queue.reopen(before.record_id, ADA, "the other patient's  film")
    assert (item.state, item.holder, item.decided_by) == (ReviewState.CLAIMED, "ada", ())
    assert works.review_queue.readings(item.item_id) == ()
    Withdrawing(ReopeningStore(works.engine), works.warehouse).sweep()
    assert list(works.warehouse.truths()) == []
    works.clock.advance(60)
    record = concluded(works, say(Judgement.REJECTED))
    (report,) = verdict_objects(works, record)
    assert set(predecessors_of(report)) == {ai_report.SOPInstanceUID, wrong.SOPInstanceUID}
    assert report.InstanceNumber == wrong.InstanceNumber + 1
    assert "taken back: the other patient's film" in " ".join(texts_of(report))
    assert record.verdict_object_uid == report.SOPInstanceUID
    assert [each.value for each in works.warehouse.truths()] == [False]
    (kept,) = works.warehouse.aside
    assert (kept.verdict_object_uid, kept.truths[0].value) == (wrong.SOPInstanceUID, True)
    (past,) = works.review_queue.history(record.record_id)
    assert (past.by, past.reason) == ("ada", "the other patient's film")
    assert past.readings[0].findings == (say(Judgement.CONFIRMED),)


def test_only_the_new_report_goes_where_the_one_taken_back_went(works: Works) -> None:
    works.ae_titles.put(
        an_entity("PACS", roles=frozenset({Role.PACS}), evidence=ADMINISTERED_EVIDENCE),
        actor="t",
        at=EPOCH,
    )
    before = concluded(works, say(Judgement.CONFIRMED))
    (wrong,) = works.hotbase.evidence(before.record_id, EvidenceSet.VERDICT)
    works.courier().round()
    works.review_queue.reopen(before.record_id, ADA, "wrong")
    works.clock.advance(60)
    sent = len(works.sender.sent)
    concluded(works, say(Judgement.REJECTED))
    (right,) = works.hotbase.evidence(before.record_id, EvidenceSet.VERDICT)
    works.courier().round()
    assert right.path != wrong.path
    assert [paths for _, paths in works.sender.sent[sent:]] == [(right.path,)]


def test_rejecting_a_result_rejects_the_report_that_was_taken_back(works: Works) -> None:
    before = concluded(works, say(Judgement.CONFIRMED))
    (wrong,) = verdict_objects(works, before)
    works.review_queue.reopen(before.record_id, ADA, "wrong")
    works.clock.advance(60)
    record = concluded(works, rejected=True)
    (rejection,) = verdict_objects(works, record)
    assert wrong.SOPInstanceUID in evidence_of(rejection)
    works.review_queue.reopen(before.record_id, ADA, "wrong again")
    works.clock.advance(60)
    (again,) = verdict_objects(works, concluded(works, rejected=True))
    assert again.SOPInstanceUID != rejection.SOPInstanceUID


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_verdict_is_taken_back_with_a_reason_only(works: Works, reason: str) -> None:
    before = concluded(works, say(Judgement.CONFIRMED))
    with pytest.raises(NotReopenedError, match="say why"):
        works.review_queue.reopen(before.record_id, ADA, reason)


def test_what_is_not_decided_or_not_known_yet_is_not_taken_back(works: Works) -> None:
    item = only_item(works)
    with pytest.raises(NotReopenedError, match="not decided"):
        works.review_queue.reopen(item.item_id, ADA, "wrong")
    decide(works, Verdict(item_id=item.item_id, reviewer=ADA, findings=(say(Judgement.CONFIRMED),)))
    with pytest.raises(NotReopenedError, match="in a moment"):
        works.review_queue.reopen(item.item_id, ADA, "wrong")


def test_a_verdict_on_what_was_removed_since_is_not_taken_back(works: Works) -> None:
    before = concluded(works, say(Judgement.CONFIRMED))
    with works.engine.begin() as connection:
        connection.execute(sa.update(EVIDENCE).where(EVIDENCE.c.kind == "sc").values(path=""))
    with pytest.raises(NotReopenedError, match="overlays were removed"):
        works.review_queue.reopen(before.record_id, ADA, "wrong")
    with works.engine.begin() as connection:
        connection.execute(sa.delete(INSTANCES))
    with pytest.raises(NotReopenedError, match="have the study sent again"):
        works.review_queue.reopen(before.record_id, ADA, "wrong")
    assert works.review_queue.item(before.record_id).state is ReviewState.DECIDED


def test_who_may_not_verify_takes_no_verified_verdict_back(works: Works) -> None:
    before = concluded(works, say(Judgement.CONFIRMED))
    attestor = replace(ADA, user_name="bo", role=ReviewerRole.ATTESTOR)
    with pytest.raises(NotReopenedError, match="verified"):
        works.review_queue.reopen(before.record_id, attestor, "wrong")
