"""What a dead workflow left is taken up again, and what lives is left alone: with a real engine."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, cast

import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.delivery import Delivery, DeliveryState, RetryPolicy
from dicom_node.domain.study import StoredStudy, StudyState
from dicom_node.persistence.database import make_workflow_engine
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.workflow import engine as engine_module
from dicom_node.workflow.analysis.deliver import Delivering, DeliveryError
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.analysis.salvage import Salvage
from dicom_node.workflow.contract import contract_of
from dicom_node.workflow.engine import EngineSettings, WorkflowEngine
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import Fate, Life
from tests.unit.builders import EPOCH, STUDY, an_entity
from tests.unit.workflow.fitted import fitting
from tests.unit.workflow.test_pipeline import Works

_GONE = sa.exc.OperationalError("SELECT 1", {}, Exception("server closed the connection"))
_QUICK = RetryPolicy(first_delay=timedelta(milliseconds=50))
_PATIENCE = 60.0


@dataclass
class Pacs:
    """Takes what it is sent, or fails with ``failure``, once ``door`` is open."""

    failure: Exception | None = None
    door: threading.Event = field(default_factory=threading.Event)
    tries: int = 0
    under_way: int = 0
    most_under_way: int = 0

    def send(self, paths: Sequence[str], destination: ApplicationEntity) -> None:
        """Count, wait for the door, and fail if that is wanted."""
        assert paths, destination.title
        self.tries += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            assert self.door.wait(_PATIENCE)
            if self.failure is not None:
                raise self.failure
        finally:
            self.under_way -= 1


class BrokenRouting:
    """The database goes away right after the study was claimed."""

    def route(self, study: StoredStudy) -> NoReturn:
        """Fail."""
        raise _GONE


class Node:
    """A corridor with a real workflow engine and a salvage, as the node has them."""

    def __init__(self, works: Works, store: str) -> None:
        self.works = works
        self.pacs = Pacs()
        self.pacs.door.set()
        works.ae_titles.put(an_entity("PACS", roles=frozenset({Role.PACS})), actor="t", at=EPOCH)
        self.corridor = replace(
            works.corridor,
            delivering=Delivering(
                results=works.hotbase,
                ae_titles=works.ae_titles,
                sender=self.pacs,
                fitting=fitting(works.hotbase, works.clock),
                policy=_QUICK,
                chance=lambda: 0.5,
                clock=works.clock,
            ),
        )
        self.contract = contract_of(Corridor, WorkflowEngine)
        self.store = store
        self._running = False

    def start(self) -> None:
        """Start the engine, as a new process would."""
        self.engine = WorkflowEngine(
            EngineSettings(
                database_url=self.store,
                database_engine=make_workflow_engine(self.store),
                executor_id="node-1",
                keep_workflows=3600.0,
                contract=self.contract,
                log_level="CRITICAL",
            ),
            self.corridor,
            WorkflowRowStore(self.store),
        )
        self.engine.start()
        self._running = True
        self.salvage = Salvage(
            index=self.works.index,
            results=self.works.hotbase,
            completion=self.corridor.completion,
            delivering=self.corridor.delivering,
            workflows=self.engine,
            clock=self.works.clock,
        )

    def stop(self) -> None:
        """Stop the engine, if it runs."""
        if self._running:
            self.engine.stop(1)
            self._running = False

    def delivery(self) -> Delivery | None:
        """Return the only delivery, if it is planned by now."""
        jobs = self.works.hotbase.jobs(STUDY)
        found = [each for job in jobs for each in self.works.hotbase.deliveries_of(job["job_id"])]
        return found[0] if found else None

    def is_in(self, state: DeliveryState, attempts: int) -> bool:
        """Whether the delivery stands so."""
        found = self.delivery()
        return found is not None and (found.state, found.attempts) == (state, attempts)

    def life(self, name: str) -> Life | None:
        """Return whether a workflow goes on; None: there is none."""
        fate = self.engine.fates([name]).get(name)
        return fate.life if fate else None


@pytest.fixture
def node(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setattr(engine_module, "_STEP_TRIES", 1)
    made = Node(Works(engine, tmp_path), f"sqlite:///{tmp_path / 'workflows.sqlite'}")
    made.works.receive("1.2.3.1")
    yield made
    made.pacs.door.set()
    made.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for has not come"
        time.sleep(0.02)


def test_a_try_that_broke_off_is_followed_by_another(node: Node) -> None:
    node.start()
    node.pacs.failure = ValueError("what no stage foresees")
    node.engine.analyse_now(STUDY)
    wait_for(lambda: node.delivery() is not None)
    planned = cast("Delivery", node.delivery())
    wait_for(lambda: node.life(planned.next_try) is Life.ENDED)
    assert node.is_in(DeliveryState.PENDING, 0)
    node.salvage.sweep()  # too early: whoever planned it may still start it
    assert node.is_in(DeliveryState.PENDING, 0)
    node.works.clock.advance(31)
    node.salvage.sweep()
    wait_for(lambda: node.pacs.tries == 2)
    # The second try broke off too: the third comes by the same way.
    second = replace(planned, attempts=1)
    wait_for(lambda: node.life(second.next_try) is Life.ENDED)
    lost = cast("Delivery", node.delivery())
    assert (lost.state, lost.attempts) == (DeliveryState.RETRYING, 1)
    assert lost.last_error.startswith("the try broke off: internal error in step 'deliver'")
    assert "ValueError" in lost.last_error
    node.pacs.failure = None
    node.salvage.sweep()
    wait_for(lambda: node.is_in(DeliveryState.DELIVERED, 3))
    node.salvage.sweep()
    assert (node.pacs.tries, node.pacs.most_under_way) == (3, 1)


def test_a_delivery_that_nothing_has_tried_is_tried_once(node: Node) -> None:
    steps = node.works.analyse()
    assert [each.attempts for each in steps.delivered] == [0]
    node.start()
    node.pacs.door.clear()
    node.works.clock.advance(31)
    node.salvage.sweep()
    wait_for(lambda: node.pacs.tries == 1)
    for _ in range(3):
        node.works.clock.advance(31)
        node.salvage.sweep()
    node.pacs.door.set()
    wait_for(lambda: node.is_in(DeliveryState.DELIVERED, 1))
    assert node.pacs.tries == 1


def test_a_delivery_that_waits_for_its_retry_is_left_alone(node: Node) -> None:
    node.works.analyse()
    planned = cast("Delivery", node.delivery())
    node.start()
    node.pacs.failure = DeliveryError("connection refused", retryable=True)
    node.works.hotbase.move_delivery(planned.delivery_id, DeliveryState.RETRYING, at=EPOCH)
    node.engine.deliver_later(planned, 3600)
    node.works.clock.advance(31)
    node.salvage.sweep()
    assert node.is_in(DeliveryState.RETRYING, 1)
    assert node.pacs.tries == 0


def test_a_retry_that_another_version_planned_is_made_by_this_one_at_its_time(node: Node) -> None:
    node.works.analyse()
    planned = cast("Delivery", node.delivery())
    node.works.hotbase.move_delivery(planned.delivery_id, DeliveryState.RETRYING, at=EPOCH)
    node.works.clock.advance(31)
    node.start()
    node.engine.deliver_later(planned, 0.3)
    node.stop()
    node.contract = replace(node.contract, order="other steps", values="other values")
    node.start()
    waiting = replace(planned, attempts=1)
    assert node.life(waiting.next_try) in (Life.ALIVE, Life.ENDED)
    for _ in range(3):
        node.salvage.sweep()
    wait_for(lambda: node.is_in(DeliveryState.DELIVERED, 2))
    assert node.pacs.tries == 1


def test_a_retry_that_a_later_version_began_elsewhere_is_made_once(node: Node) -> None:
    node.works.analyse()
    planned = cast("Delivery", node.delivery())
    node.works.hotbase.move_delivery(planned.delivery_id, DeliveryState.RETRYING, at=EPOCH)
    node.works.clock.advance(31)
    node.start()
    node.engine.deliver_later(planned, 0.3)
    waiting = replace(planned, attempts=1)
    with WorkflowRowStore(node.store) as rows:
        rows.adopt([waiting.next_try], "another version")
    wait_for(lambda: node.life(waiting.next_try) is Life.LEFT)
    for _ in range(3):
        node.salvage.sweep()
    wait_for(lambda: node.is_in(DeliveryState.DELIVERED, 3))
    assert node.pacs.tries == 1
    # That version back, what was done in its place is not done again.
    node.stop()
    node.contract = replace(node.contract, order="another", values="version")
    node.start()
    assert node.life(waiting.next_try) is Life.LEFT
    node.salvage.sweep()
    assert node.is_in(DeliveryState.DELIVERED, 3)
    assert node.pacs.tries == 1


def test_a_study_whose_failure_could_not_be_recorded_fails_in_the_end(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> NoReturn:
        raise _GONE

    node.corridor = replace(node.corridor, routing=cast("Routing", BrokenRouting()))
    node.start()
    with monkeypatch.context() as outage:
        outage.setattr(node.works.index, "give_up", gone)
        node.engine.analyse_now(STUDY)
        wait_for(lambda: bool(node.works.index.claims()))
        ((_, workflow),) = node.works.index.claims().items()
        wait_for(lambda: node.life(workflow) is Life.ENDED)
    assert node.works.index.study(STUDY).state is StudyState.COMPLETE
    node.salvage.sweep()
    study = node.works.index.study(STUDY)
    assert study.state is StudyState.FAILED
    assert "OperationalError" in study.reason
    assert "dicom-node retry" in study.reason
    assert node.works.index.reopen_failed(STUDY) == 1


def test_a_study_that_is_being_analysed_is_left_alone(node: Node) -> None:
    node.start()
    node.pacs.door.clear()
    with node.corridor.slots.one(urgent=True):
        node.engine.analyse_now(STUDY)
        wait_for(lambda: bool(node.works.index.claims()))
        for _ in range(3):
            node.salvage.sweep()
        assert node.works.index.study(STUDY).state is StudyState.COMPLETE
    wait_for(lambda: node.works.index.study(STUDY).state is StudyState.ANALYSED)


class Ledger:
    """A workflow store in which every workflow has the same fate."""

    def __init__(self, fate: Fate | None) -> None:
        self._fate = fate
        self.asked = 0
        self.cancelled: list[str] = []

    def fates(self, workflow_ids: Sequence[str]) -> Mapping[str, Fate]:
        """Return the fate of all."""
        self.asked += 1
        return dict.fromkeys(workflow_ids, self._fate) if self._fate else {}

    def cancel(self, workflow_ids: Sequence[str]) -> None:
        """Note what is cancelled."""
        self.cancelled.extend(workflow_ids)

    def deliver_now(self, delivery: Delivery) -> NoReturn:
        """Fail: no delivery is planned here."""
        raise AssertionError(delivery)

    def deliver_later(self, delivery: Delivery, seconds: float) -> NoReturn:
        """Fail: no delivery is planned here."""
        raise AssertionError(delivery, seconds)


@pytest.mark.parametrize(
    ("fate", "state", "cancelled"),
    [
        (Fate(life=Life.ALIVE), StudyState.COMPLETE, []),
        (Fate(life=Life.LEFT), StudyState.RECEIVING, ["w1"]),
        (Fate(life=Life.ENDED), StudyState.FAILED, []),
        (None, StudyState.FAILED, []),  # the workflow store was lost
    ],
)
def test_a_study_follows_the_fate_of_its_workflow(
    node: Node, fate: Fate | None, state: StudyState, cancelled: list[str]
) -> None:
    ledger = Ledger(fate)
    salvage = Salvage(
        index=node.works.index,
        results=node.works.hotbase,
        completion=node.corridor.completion,
        delivering=node.corridor.delivering,
        workflows=ledger,
        clock=node.works.clock,
    )
    salvage.sweep()
    assert ledger.asked == 0  # nothing is under way: nothing is asked
    assert node.corridor.completion.claim(STUDY, "w1") is not None
    salvage.sweep()
    assert node.works.index.study(STUDY).state is state
    assert (ledger.asked, ledger.cancelled) == (1, cancelled)


class Outbox(Ledger):
    """A workflow store that knows of no try, and notes what is to be tried."""

    def __init__(self) -> None:
        super().__init__(None)
        self.tried: list[Delivery] = []

    def deliver_now(self, delivery: Delivery) -> None:
        """Note what is to be tried, which changes nothing yet."""
        self.tried.append(delivery)


def test_stuck_deliveries_beyond_the_first_page_are_repaired_by_the_next_sweeps(
    node: Node,
) -> None:
    node.works.analyse()
    job = cast("Delivery", node.delivery()).job_id
    # Planned at the same moment, as the results of one study for many destinations are.
    for number in range(4):
        node.works.hotbase.plan_delivery(job, f"PACS{number}", at=EPOCH)
    planned = {each.delivery_id for each in node.works.hotbase.deliveries_of(job)}
    node.works.clock.advance(31)
    outbox = Outbox()
    salvage = Salvage(
        index=node.works.index,
        results=node.works.hotbase,
        completion=node.corridor.completion,
        delivering=node.corridor.delivering,
        workflows=outbox,
        clock=node.works.clock,
        page=2,
    )
    pages: list[list[str]] = []
    for _ in range(4):
        outbox.tried.clear()
        salvage.sweep()
        pages.append([each.delivery_id for each in outbox.tried])
    assert [len(page) for page in pages] == [2, 2, 1, 2]
    assert {each for page in pages[:3] for each in page} == planned
    assert pages[3] == pages[0]  # after the last page comes the first again
