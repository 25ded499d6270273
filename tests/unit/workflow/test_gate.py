"""A result that breaks a rule is held, listed and explained; after a correction it goes out."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset

from dicom_node.domain.application_entity import ADMINISTERED_EVIDENCE, Role
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.job import JobState
from dicom_node.domain.study import StudyState
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis import evidence_builders, make_evidence
from dicom_node.workflow.analysis.gate import Gate
from dicom_node.workflow.analysis.report import WITH_REPORT
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.validation import problems
from tests.unit.builders import EPOCH, STUDY, an_entity
from tests.unit.workflow.test_pipeline import Works

pytestmark = pytest.mark.slow

OVERLAY = EVIDENCE[EvidenceKind.SC].modality
MISSING = "Burned In Annotation (0028,0301) has no value (type 1)"


class Guarded:
    """A corridor that sends to PACS, with the gate beside it."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.works = Works(engine, folder)
        self.works.ae_titles.put(
            an_entity("PACS", roles=frozenset({Role.PACS})), actor="t", at=EPOCH
        )
        self.hotbase = self.works.hotbase
        self.gate = Gate(
            index=self.works.index,
            results=self.hotbase,
            archive=self.works.objects,
            deliveries=self.works.deliveries,
            instances=self._instances,
        )
        self._runs = 0

    def _instances(self, job_id: str) -> tuple:
        study, wanted = self.hotbase.job_instances(job_id)
        found = self.works.index.instances(study)
        return tuple(each for each in found if each.sop_instance_uid in wanted)

    @property
    def job_id(self) -> str:
        """The job that was done first."""
        return str(self.hotbase.jobs(STUDY)[0]["job_id"])

    def held(self) -> list[EvidenceObject]:
        """Return what the gate holds."""
        return [each for each, _ in self.hotbase.held(STUDY)]

    def run(self) -> InlineSteps:
        """Analyse the study, and try each delivery once."""
        self._runs += 1
        self.works.clock.advance(60)
        steps = self.works.analyse(f"w{self._runs}")
        self.deliver()
        return steps

    def deliver(self) -> None:
        """Send what is to be sent."""
        self.works.courier().round()

    def sent(self) -> list[set[EvidenceKind]]:
        """Return which kinds each sending took."""
        kinds = {
            each.path: each.kind
            for job in self.hotbase.jobs(STUDY)
            for evidence_set in EvidenceSet
            for each in self.hotbase.evidence(job["job_id"], evidence_set)
        }
        return [{kinds[path] for path in paths} for _, paths in self.works.sender.sent]


@pytest.fixture
def guarded(engine: sa.Engine, tmp_path: Path) -> Guarded:
    return Guarded(engine, tmp_path)


def broken_overlays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the overlay's template forget an attribute, as a fault of this program would."""
    build = evidence_builders.build_overlays

    def forgetful(*arguments: object, **named: object) -> list[Dataset]:
        made = build(*arguments, **named)
        for each in made:
            del each.BurnedInAnnotation
        return made

    monkeypatch.setattr(evidence_builders, "build_overlays", forgetful)


def strict_gate(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let the gate ask too much of objects of one modality, as a fault of its own would."""

    def too_strict(dataset: Dataset, sources: object = ()) -> tuple[str, ...]:
        codes = {each.value for each in dataset.iterall() if each.keyword == "CodeValue"}
        is_meant = dataset.Modality == kind and "R-FAILED" not in codes
        return ("a rule that does not exist",) if is_meant else ()

    monkeypatch.setattr(make_evidence, "problems", too_strict)


def test_a_broken_object_is_held_with_its_reason_and_the_others_are_sent(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_overlays(monkeypatch)
    guarded.works.receive("1.2.3.1")
    guarded.run()
    assert guarded.sent() == [{EvidenceKind.SR}]
    assert [(each.kind, each.problems) for each in guarded.held()] == [
        (EvidenceKind.SC, (MISSING,))
    ]
    assert guarded.hotbase.held_counts() == {EvidenceKind.SC: 1}
    # The report names only what can be fetched.
    (made,) = guarded.works.reports()
    assert guarded.held()[0].sop_instance_uid not in str(made)


def test_what_a_template_broke_is_made_again_after_its_correction(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        broken_overlays(fault)
        guarded.works.receive("1.2.3.1")
        guarded.run()
        (before,) = guarded.held()
        (reported,) = guarded.works.reports()
        # Without the correction, another try changes nothing that anybody sees.
        assert guarded.gate.look_again().reopened == (guarded.job_id,)
        guarded.run()
        assert [each.sop_instance_uid for each in guarded.held()] == [before.sop_instance_uid]
        assert guarded.sent() == [{EvidenceKind.SR}]
    seen = guarded.gate.look_again(STUDY)
    assert (seen.released, seen.reopened, seen.kept) == ((), (guarded.job_id,), ())
    guarded.run()
    assert guarded.held() == []
    assert guarded.works.index.study(STUDY).state is StudyState.ANALYSED
    assert guarded.hotbase.jobs(STUDY)[0]["state"] == JobState.DONE
    assert guarded.sent() == [{EvidenceKind.SR}, {EvidenceKind.SC}]
    (overlay,) = (
        each for each in guarded.hotbase.evidence(guarded.job_id) if each.kind is EvidenceKind.SC
    )
    assert overlay.sop_instance_uid == before.sop_instance_uid
    assert problems(guarded.works.objects.whole_evidence(overlay.path)) == ()
    # What was sent before is sent again as it was, not made anew under the same UID.
    (again,) = guarded.works.reports()
    assert again == reported


def test_what_the_gate_held_by_mistake_goes_out_without_another_analysis(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        strict_gate(fault, OVERLAY)
        guarded.works.receive("1.2.3.1")
        guarded.run()
    assert guarded.sent() == [{EvidenceKind.SR}]
    calls = guarded.works.models.calls
    seen = guarded.gate.look_again()
    assert ([each.kind for each in seen.released], seen.reopened) == ([EvidenceKind.SC], ())
    assert guarded.held() == []
    guarded.works.clock.advance(60)
    guarded.deliver()
    assert guarded.sent()[-1] == {EvidenceKind.SC}, "the report is there already"
    assert guarded.works.models.calls == calls


def test_with_a_held_report_goes_nothing_but_the_reason(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        strict_gate(fault, "SR")
        guarded.works.receive("1.2.3.1")
        guarded.run()
        assert guarded.sent() == [{EvidenceKind.SR}]  # that there is no result
        assert {(each.kind, each.problems) for each in guarded.held()} == {
            (EvidenceKind.SR, ("a rule that does not exist",)),
            (EvidenceKind.SC, WITH_REPORT),
        }
    (told,) = guarded.hotbase.evidence(guarded.job_id, EvidenceSet.FAILURE)
    # What the PACS has been told is succeeded, so the report is made anew.
    seen = guarded.gate.look_again()
    assert (seen.released, seen.reopened) == ((), (guarded.job_id,))
    guarded.run()
    assert guarded.held() == []
    assert guarded.sent()[-1] == {EvidenceKind.SR, EvidenceKind.SC}
    (report,) = guarded.works.reports()
    assert told.sop_instance_uid in str(report.PredecessorDocumentsSequence)


def test_a_delivery_of_nothing_but_held_objects_has_failed_and_says_why(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs = an_entity("PACS", roles=frozenset({Role.PACS}), evidence=frozenset({EvidenceKind.SC}))
    guarded.works.ae_titles.put(pacs, actor="t", at=EPOCH)
    strict_gate(monkeypatch, OVERLAY)
    guarded.works.receive("1.2.3.1")
    guarded.run()
    (delivery,) = guarded.works.deliveries.of_job(guarded.job_id)
    assert delivery.state is DeliveryState.FAILED
    assert "held back (dicom-node evidence held" in delivery.last_error
    assert guarded.sent() == []
    monkeypatch.undo()
    assert len(guarded.gate.look_again().released) == 1
    (delivery,) = guarded.works.deliveries.of_job(guarded.job_id)
    assert delivery.state is DeliveryState.PENDING


def test_a_report_that_was_held_is_no_predecessor(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        strict_gate(fault, "SR")
        guarded.works.receive("1.2.3.1")
        guarded.run()
    guarded.works.receive("1.2.3.2")
    guarded.run()
    second = guarded.works.reports()[-1]
    assert "PredecessorDocumentsSequence" not in second


def test_a_failure_of_the_second_try_leaves_what_was_sent(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_overlays(monkeypatch)
    guarded.works.receive("1.2.3.1")
    guarded.run()
    guarded.gate.look_again()
    guarded.works.models.failure = NodeError("the weights are gone")
    guarded.run()
    # A report of the failure would hide the result that the archive has.
    assert guarded.hotbase.evidence(guarded.job_id, EvidenceSet.FAILURE) == ()
    assert guarded.works.index.study(STUDY).reason == "chest: the weights are gone"


def test_a_kind_that_an_image_cannot_carry_is_on_record_with_the_reason(guarded: Guarded) -> None:
    pacs = an_entity("PACS", roles=frozenset({Role.PACS}), evidence=ADMINISTERED_EVIDENCE)
    guarded.works.ae_titles.put(pacs, actor="t", at=EPOCH)
    guarded.works.receive("1.2.3.1")
    guarded.run()
    reasons = {each.kind: each.reason for each in guarded.hotbase.left_out(guarded.job_id)}
    assert set(reasons) == {EvidenceKind.SEG, EvidenceKind.PM}
    assert "no pixel spacing" in reasons[EvidenceKind.SEG]
    assert "no plane" in reasons[EvidenceKind.PM]


def test_a_report_that_cannot_be_built_is_a_failed_study_with_the_reason(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impossible(*arguments: object, **named: object) -> Dataset:
        raise EvidenceError("SOPInstanceUID of a source is not a valid UID")

    monkeypatch.setattr(make_evidence, "build_measurement_report", impossible)
    guarded.works.receive("1.2.3.1")
    guarded.run()
    study = guarded.works.index.study(STUDY)
    assert study.state is StudyState.FAILED
    assert "not a valid UID" in study.reason
    assert guarded.sent() == []
