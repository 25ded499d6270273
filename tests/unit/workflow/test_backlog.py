"""A backlog of studies waits in the store, not in memory: with a real engine."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from dbos import DBOS

from dicom_node.persistence.database import make_workflow_engine
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.workflow.analysis.slots import Slots
from dicom_node.workflow.contract import contract_of
from dicom_node.workflow.engine import EngineSettings, WorkflowEngine
from dicom_node.workflow.outages import StoppedWaitingError
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import DurableSteps
from tests.unit.workflow.test_salvage import wait_for

_HELD = 64


class Ward:
    """A corridor in which every study stays until its door is opened."""

    def __init__(self) -> None:
        self.door = threading.Event()
        self.entered: list[str] = []
        self.left: list[str] = []
        self.slots = Slots(_HELD)

    def analyse(self, study_instance_uid: str, steps: DurableSteps) -> None:
        """Wait for the door."""
        assert steps.workflow_id
        self.entered.append(study_instance_uid)
        assert self.door.wait(60)
        self.left.append(study_instance_uid)


@pytest.fixture
def ward() -> Ward:
    return Ward()


@pytest.fixture
def workflows(tmp_path: Path, ward: Ward) -> Iterator[WorkflowEngine]:
    store = f"sqlite:///{tmp_path / 'workflows.sqlite'}"
    made = WorkflowEngine(
        EngineSettings(
            database_url=store,
            database_engine=make_workflow_engine(store),
            executor_id="node-1",
            keep_workflows=3600.0,
            contract=contract_of(Corridor, WorkflowEngine),
            log_level="CRITICAL",
        ),
        cast("Corridor", ward),
        WorkflowRowStore(store),
    )
    made.start()
    yield made
    ward.door.set()
    made.stop(1)


class Working(Ward):
    """A ward whose studies have a step to do behind the door; ``said`` is why they did not."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[BaseException] = []

    def analyse(self, study_instance_uid: str, steps: DurableSteps) -> None:
        """Wait for the door, and do the step."""
        super().analyse(study_instance_uid, steps)
        try:
            steps.run("infer", str.strip, "")
        except BaseException as error:
            self.said.append(error)
            raise


def queued() -> int:
    """How many studies have waited in the queue so far, or still do."""
    return len(DBOS.list_workflows(queue_name="studies", load_input=False))


@pytest.mark.slow
@pytest.mark.parametrize("ward", [Working()])
def test_whoever_waits_when_the_node_stops_has_not_failed(
    workflows: WorkflowEngine, ward: Working, caplog: pytest.LogCaptureFixture
) -> None:
    for study in ("1.1", "1.2"):
        workflows.analyse_now(study)
    wait_for(lambda: len(ward.entered) == 2)
    workflows.stop(0)
    ward.door.set()
    wait_for(lambda: len(ward.said) == 2)
    assert {type(each) for each in ward.said} == {StoppedWaitingError}
    assert [each.getMessage() for each in caplog.records if each.levelname == "ERROR"] == []


@pytest.mark.slow
def test_the_sixty_fifth_study_at_a_time_waits_in_the_queue(
    workflows: WorkflowEngine, ward: Ward
) -> None:
    studies = [f"1.2.{number}" for number in range(_HELD + 2)]
    for study in studies[:_HELD]:
        workflows.analyse_now(study)
    assert queued() == 0
    for study in studies[_HELD:]:
        workflows.analyse_now(study)
    assert queued() == 2
    ward.door.set()
    wait_for(lambda: set(ward.left) == set(studies))
    # The backlog is gone: the next study starts directly again.
    workflows.analyse_now("1.3")
    wait_for(lambda: "1.3" in ward.left)
    assert queued() == 2
