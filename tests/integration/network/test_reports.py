"""What modalities and archives report is durable before it is answered, and answered by table."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Role
from dicom_node.domain.performed_step import PerformedState
from dicom_node.network.access import StaticAccess
from dicom_node.network.events import StudyReported
from dicom_node.network.report_scp import REPORT_STATUS
from dicom_node.node.reporting import report_book
from dicom_node.node.repositories import Repositories
from tests.peers import node
from tests.peers.objects import CR_IMAGE
from tests.peers.raw_scu import rejection
from tests.peers.reporter import (
    AVAILABILITY,
    PERFORMED_STEP,
    a_step,
    an_availability,
    an_end,
    reporting,
)
from tests.unit.builders import an_instance

CONFIG = Path(__file__).parents[3] / "config"
CR1, READER = "CR1", "READER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A node's receivers, and where what is reported is kept."""

    reception: node.Reception
    repositories: Repositories

    def create(self, uid: str, told: Dataset, sop_class: str = PERFORMED_STEP) -> "Answer":
        with reporting(self.reception.peer, CR1) as association:
            return answer(association.send_n_create(told, sop_class, uid)[0])

    def set(self, uid: str, told: Dataset) -> "Answer":
        with reporting(self.reception.peer, CR1) as association:
            return answer(association.send_n_set(told, PERFORMED_STEP, uid)[0])


Answer = tuple[int, str]


def answer(status: Dataset) -> Answer:
    assert int(status.Status) in REPORT_STATUS
    return int(status.Status), str(status.get("ErrorComment", ""))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("reporting")
    settings: NodeSettings = load_settings(CONFIG).model_copy(update={"data_dir": folder / "data"})
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    permitted = {
        CR1: OPERATIONS_OF_ROLE[Role.MODALITY],
        READER: OPERATIONS_OF_ROLE[Role.QUERY],
    }
    running = node.reception(
        settings.archive_dir,
        access=functools.partial(StaticAccess, permitted),
        reports=functools.partial(report_book, settings.model_dump()),
    )
    with running as reception:
        yield Desk(reception=reception, repositories=repositories)
    repositories.close()


def test_a_step_is_kept_from_its_start_to_its_end_with_its_dose(desk: Desk) -> None:
    study, uid = generate_uid(prefix=None), generate_uid()
    series, images = f"{study}.1", (generate_uid(prefix=None), generate_uid())
    store = desk.repositories.announcements

    assert desk.create(uid, a_step(study)) == (0x0000, "")
    assert store.announced(study).under_way
    assert desk.set(uid, an_end(series, CR_IMAGE, *images)) == (0x0000, "")

    (row,) = store.steps(study=study)
    assert (row.step.state, row.step.reporter) == (PerformedState.COMPLETED, CR1)
    kept = Dataset.from_json(dict(row.step.attributes))
    assert kept.ImageAndFluoroscopyAreaDoseProduct == 12.5
    assert kept.ScheduledStepAttributesSequence[0].AccessionNumber == "A4711"
    assert "ReferencedImageSequence" not in kept.PerformedSeriesSequence[0]
    (count,) = row.announced.series
    assert (count.announced, count.missing) == (2, 2)
    told = desk.reception.recorder.wait_for(StudyReported, 2)
    assert {each.step_uid for each in told} >= {uid}

    desk.repositories.index.record(
        [
            an_instance(
                each, study_instance_uid=study, series_instance_uid=series, path=f"x/{each}"
            )
            for each in images
        ]
    )
    assert store.announced(study).is_whole


def test_what_has_ended_changes_no_more_and_what_has_begun_not_twice(desk: Desk) -> None:
    study, uid = generate_uid(prefix=None), generate_uid()
    assert desk.create(uid, a_step(study))[0] == 0x0000
    assert desk.create(uid, a_step(study))[0] == 0x0111
    assert desk.set(uid, an_end(f"{study}.1", CR_IMAGE, state="DISCONTINUED"))[0] == 0x0000

    with reporting(desk.reception.peer, CR1) as association:
        status, _ = association.send_n_set(an_end(f"{study}.1", CR_IMAGE), PERFORMED_STEP, uid)

    assert (int(status.Status), int(status.ErrorID)) == (0x0110, 0xA710)
    assert desk.set(generate_uid(prefix=None), an_end("1.2", CR_IMAGE))[0] == 0x0112
    assert desk.repositories.announcements.step(uid).state is PerformedState.DISCONTINUED


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"PerformedProcedureStepStatus": None}, 0x0120),
        ({"PerformedProcedureStepStatus": ""}, 0x0121),
        ({"PerformedProcedureStepStatus": "COMPLETED"}, 0x0106),
        ({"PerformedProcedureStepStatus": "WHATEVER"}, 0x0106),
        ({"ScheduledStepAttributesSequence": None}, 0x0120),
        ({"ScheduledStepAttributesSequence": [Dataset()]}, 0x0121),
    ],
)
def test_a_step_that_cannot_be_placed_is_refused_with_its_reason(
    desk: Desk, changes: dict[str, Any], status: int
) -> None:
    assert desk.create(generate_uid(prefix=None), a_step(generate_uid(), **changes))[0] == status


def test_a_step_may_lack_what_the_node_can_do_without(desk: Desk) -> None:
    lean = a_step(
        generate_uid(prefix=None), Modality=None, PerformedProcedureStepID=None, PatientName=None
    )
    assert desk.create(generate_uid(prefix=None), lean)[0] == 0x0000


def test_an_archive_says_what_it_has(desk: Desk) -> None:
    study, uid = generate_uid(prefix=None), generate_uid()
    told = an_availability(study, f"{study}.1", CR_IMAGE, "1.2.3.1", "1.2.3.2")
    assert desk.create(uid, told, AVAILABILITY) == (0x0000, "")
    assert desk.create(uid, told, AVAILABILITY) == (0x0000, ""), "told twice it counts once"
    (count,) = desk.repositories.announcements.announced(study).series
    assert (count.announced, count.missing) == (2, 2)
    del told.StudyInstanceUID
    assert desk.create(generate_uid(prefix=None), told, AVAILABILITY)[0] == 0x0120


def test_whoever_may_only_query_reports_nothing(desk: Desk) -> None:
    asked = [(PERFORMED_STEP, ExplicitVRLittleEndian)]
    assert rejection(desk.reception.peer, READER, asked) is not None
