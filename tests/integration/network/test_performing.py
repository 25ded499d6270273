"""The node as performer of somebody else's worklist, against a manager that is strict about it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.job import JobState
from dicom_node.domain.study import StudyState
from dicom_node.domain.taken_step import TakenState
from dicom_node.domain.wanted_study import WantedState
from dicom_node.node.clock import utc_now
from dicom_node.node.performing import performer_of
from dicom_node.node.repositories import Repositories
from dicom_node.ups.performing import TaskPerformer
from tests.peers import ups_manager
from tests.peers.process import free_port
from tests.peers.ups_manager import Manager, managing
from tests.unit.builders import EPOCH, a_described_instance, an_entity, an_instance
from tests.unit.persistence.test_hotbase import JOB
from tests.unit.persistence.test_retention import REPORT

CONFIG = Path(__file__).parents[3] / "config"
STUDY, STEP = "1.2.826.0.1.3680043.3.800", "1.9.800"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node that works for TASKS, and the manager of that name."""

    repositories: Repositories
    performer: TaskPerformer
    manager: Manager

    def receive(self) -> None:
        self.repositories.index.record(
            [an_instance(f"{STUDY}.1", study_instance_uid=STUDY, path="p/1")]
        )

    def analyse(self, state: StudyState = StudyState.ANALYSED) -> None:
        """Have the study analysed, as the node's workflows do."""
        claimed = self.repositories.index.claim(STUDY, by="workflow", at=EPOCH)
        assert claimed is not None
        if state is StudyState.ANALYSED:
            job = replace(JOB, job_id="8".ljust(32, "x"), study_instance_uid=STUDY)
            self.repositories.hotbase.add_job(job, at=EPOCH)
            self.repositories.hotbase.finish_job(job.job_id, JobState.DONE, at=EPOCH)
            self.repositories.hotbase.keep_evidence([replace(REPORT, job_id=job.job_id)])
        self.repositories.index.finish(claimed, state, "no route wants it")

    def administer(self, port: int) -> None:
        entity = an_entity("TASKS", host="127.0.0.1", port=port)
        self.repositories.ae_titles.put(entity, actor="t", at=EPOCH)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    base = load_settings(CONFIG)
    performing = base.performing.model_copy(
        update={"manager": "TASKS", "label": "CHEST AI", "at_once": 2}
    )
    settings: NodeSettings = base.model_copy(
        update={"data_dir": tmp_path / "data", "performing": performing}
    )
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    performer = performer_of(settings, repositories)
    assert performer is not None
    manager = Manager()
    with managing(manager) as port:
        made = Site(repositories=repositories, performer=performer, manager=manager)
        made.administer(port)
        yield made
    repositories.close()


def test_a_step_is_claimed_analysed_and_completed_with_its_results(site: Site) -> None:
    site.receive()
    site.manager.schedule(STEP, STUDY)
    site.performer.sweep()
    assert site.manager.state(STEP) == "IN PROGRESS"
    site.performer.sweep()
    assert site.manager.state(STEP) == "IN PROGRESS", "until the analysis is over"
    site.analyse()
    site.performer.sweep()
    assert site.manager.state(STEP) == "COMPLETED"
    step = site.manager.steps[STEP]
    (performed,) = step.UnifiedProcedureStepPerformedProcedureSequence
    assert performed.PerformedStationNameCodeSequence[0].CodeValue == "AINODE"
    (output,) = performed.OutputInformationSequence
    assert output.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "9.1"
    assert output.DICOMRetrievalSequence[0].RetrieveAETitle == "AINODE"
    assert "TransactionUID" not in step
    assert site.repositories.taken.open() == ()
    site.performer.sweep()
    assert site.manager.state(STEP) == "COMPLETED"


def test_what_comes_to_nothing_is_canceled_with_the_reason(site: Site) -> None:
    site.receive()
    site.manager.schedule(STEP, STUDY)
    site.performer.sweep()
    site.analyse(StudyState.NOT_ROUTED)
    site.performer.sweep()
    assert site.manager.state(STEP) == "CANCELED"
    (progress,) = site.manager.steps[STEP].ProcedureStepProgressInformationSequence
    assert progress.ReasonForCancellation == "no route wants it"


def test_a_study_that_only_an_archive_has_is_fetched_from_whom_the_step_names(site: Site) -> None:
    site.manager.schedule(STEP, STUDY)
    site.performer.sweep()
    assert site.manager.state(STEP) == "CANCELED", "nobody administered has it"
    entity = an_entity("ORTHANC", host="127.0.0.1", port=free_port())
    site.repositories.ae_titles.put(entity, actor="t", at=EPOCH)
    site.manager.schedule("1.9.801", STUDY)
    site.performer.sweep()
    assert site.manager.state("1.9.801") == "IN PROGRESS"
    wanted = site.repositories.wanted.wanted(STUDY)
    assert wanted is not None
    assert (wanted.archive, wanted.sender, wanted.state) == (
        "ORTHANC", "TASKS", WantedState.WAITING
    )  # fmt: skip
    site.performer.sweep()
    assert site.manager.state("1.9.801") == "IN PROGRESS"
    site.repositories.wanted.settle(STUDY, WantedState.FAILED, "ORTHANC has nothing of the study")
    site.performer.sweep()
    assert site.manager.state("1.9.801") == "CANCELED"


def test_work_of_others_is_left_to_them_and_no_more_is_taken_than_is_wanted(site: Site) -> None:
    site.receive()
    station = Dataset()
    station.CodeValue, station.CodingSchemeDesignator = "OTHER", "L"
    others: tuple[dict[str, Any], ...] = (
        {"code": "110005"},  # an interpretation
        {"WorklistLabel": "BRAIN AI"},
        {"InputReadinessState": "INCOMPLETE"},
        {"ScheduledStationNameCodeSequence": Sequence([station])},
    )
    for number, changes in enumerate(others):
        site.manager.schedule(f"1.9.90{number}", STUDY, **changes)
    for number, priority in enumerate(("LOW", "MEDIUM", "HIGH")):
        site.manager.schedule(f"1.9.91{number}", STUDY, ScheduledProcedureStepPriority=priority)
    site.performer.sweep()
    taken = {uid for uid in site.manager.steps if site.manager.state(uid) == "IN PROGRESS"}
    assert taken == {"1.9.911", "1.9.912"}


def test_a_claim_whose_answer_was_lost_is_the_nodes_and_a_faster_performers_is_not(
    site: Site,
) -> None:
    site.receive()
    site.manager.schedule(STEP, STUDY)
    site.manager.lost = 1
    site.performer.sweep()
    assert site.manager.state(STEP) == "IN PROGRESS"
    (taken,) = site.repositories.taken.open()
    assert not taken.study_instance_uid
    site.manager.keys["1.9.802"] = "another's"
    site.manager.schedule("1.9.802", STUDY)
    site.performer.sweep()
    (taken, *_) = site.repositories.taken.open()
    assert (taken.uid, taken.study_instance_uid) == (STEP, STUDY)

    site.manager.steps["1.9.802"].ProcedureStepState = "IN PROGRESS"
    site.manager.keys["1.9.802"] = "another's"
    site.repositories.taken.keep(
        replace(taken, uid="1.9.802", state=type(taken.state).CLAIMING, taken_at=utc_now())
    )
    site.performer.sweep()
    assert not site.repositories.taken.known("1.9.802")


def test_a_manager_that_is_away_or_ended_a_step_itself_hangs_nothing(site: Site) -> None:
    site.receive()
    site.manager.schedule(STEP, STUDY)
    site.performer.sweep()
    there = site.repositories.ae_titles.get("TASKS")
    site.administer(free_port())
    site.analyse()
    site.performer.sweep()
    assert len(site.repositories.taken.open()) == 1
    site.administer(there.port)
    site.manager.steps[STEP].ProcedureStepState = "CANCELED"
    site.performer.sweep()
    assert site.repositories.taken.open() == ()


def test_a_step_that_cannot_be_read_or_is_not_answered_holds_no_other_up(site: Site) -> None:
    site.receive()
    for number, tag in enumerate((0x00404018, 0x00404021)):  # work item code, input information
        site.manager.schedule(f"1.9.82{number}", STUDY)
        del site.manager.steps[f"1.9.82{number}"][tag]
        site.manager.steps[f"1.9.82{number}"].add_new(tag, "LO", "no sequence")
    site.manager.schedule("1.9.822", STUDY)
    site.performer.sweep()
    states = [site.manager.state(f"1.9.82{number}") for number in range(3)]
    assert states == ["SCHEDULED", "CANCELED", "IN PROGRESS"]

    site.manager.schedule("1.9.823", STUDY)
    site.manager.schedule("1.9.824", STUDY)
    site.repositories.taken.keep(replace(site.repositories.taken.open()[0], state=TakenState.OVER))
    site.manager.lost = 1
    site.performer.sweep()
    studies = {each.uid: each.study_instance_uid for each in site.repositories.taken.open()}
    assert studies == {"1.9.823": "", "1.9.824": STUDY}


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ({"PatientID": "4712"}, "CANCELED"),
        ({"PatientID": "4711", "PatientBirthDate": "19800101"}, "CANCELED"),
        ({"PatientID": "4711", "PatientName": "ДОУ^ДЖЕЙН"}, "IN PROGRESS"),
    ],
)
def test_the_study_of_another_patient_is_not_analysed_for_a_step(
    site: Site, said: dict[str, str], state: str
) -> None:
    image = a_described_instance(
        f"{STUDY}.1", study=STUDY, PatientID="4711", PatientBirthDate="19700101"
    )
    site.repositories.index.record([image])
    site.manager.schedule(STEP, STUDY, SpecificCharacterSet="ISO_IR 192", **said)
    site.performer.sweep()
    assert site.manager.state(STEP) == state


def test_a_study_that_was_fetched_and_is_another_patients_gives_no_results(site: Site) -> None:
    entity = an_entity("ORTHANC", host="127.0.0.1", port=free_port())
    site.repositories.ae_titles.put(entity, actor="t", at=EPOCH)
    site.manager.schedule(STEP, STUDY, PatientID="4712")
    site.performer.sweep()
    site.repositories.wanted.settle(STUDY, WantedState.FETCHED)
    site.repositories.index.record(
        [a_described_instance(f"{STUDY}.1", study=STUDY, PatientID="4711")]
    )
    site.analyse()
    site.performer.sweep()
    assert site.manager.state(STEP) == "CANCELED"
    assert "UnifiedProcedureStepPerformedProcedureSequence" not in site.manager.steps[STEP]


def test_a_step_whose_results_are_refused_is_canceled_with_the_reason(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ups_manager, "_PERFORMED", ("CommentsOnThePerformedProcedureStep",))
    site.receive()
    site.manager.schedule(STEP, STUDY)
    site.performer.sweep()
    site.analyse()
    site.performer.sweep()
    assert site.manager.state(STEP) == "CANCELED"
    (progress,) = site.manager.steps[STEP].ProcedureStepProgressInformationSequence
    assert progress.ReasonForCancellation == "The results were refused with 0xC304"
