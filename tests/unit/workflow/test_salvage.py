"""What a dead workflow left is taken up again, and what lives is left alone: with a real engine."""

import functools
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import NoReturn, cast

import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import Role
from dicom_node.domain.delivery import RetryPolicy
from dicom_node.domain.study import StoredStudy, StudyState
from dicom_node.persistence.database import make_workflow_engine
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.workflow import looks, recorded_steps
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.analysis.salvage import Salvage
from dicom_node.workflow.contract import contract_of
from dicom_node.workflow.engine import EngineSettings, WorkflowEngine
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import Fate, Life
from tests.unit.builders import EPOCH, STUDY, an_entity
from tests.unit.workflow.test_pipeline import Works

pytestmark = pytest.mark.slow

_BROKEN = sa.exc.ProgrammingError("SELECT 1", {}, Exception("no such table"))
_QUICK = RetryPolicy(first_delay=timedelta(milliseconds=50))
_PATIENCE = 60.0
_contract_of = functools.cache(contract_of)  # schemas are made once


class BrokenRouting:
    """A table is gone right after the study was claimed."""

    def route(self, study: StoredStudy) -> NoReturn:
        """Fail."""
        raise _BROKEN

    def broken_off(self, study: StoredStudy, reason: str) -> NoReturn:
        """Fail."""
        raise _BROKEN


class Node:
    """A corridor with a real workflow engine and a salvage, as the node has them."""

    def __init__(self, works: Works, store: str) -> None:
        self.works = works
        works.ae_titles.put(an_entity("PACS", roles=frozenset({Role.PACS})), actor="t", at=EPOCH)
        self.corridor = works.corridor
        self.contract = _contract_of(Corridor, WorkflowEngine)
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
            completion=self.corridor.completion,
            giving_up=self.corridor.giving_up,
            workflows=self.engine,
        )

    def stop(self) -> None:
        """Stop the engine, if it runs."""
        if self._running:
            self.engine.stop(1)
            self._running = False

    def life(self, name: str) -> Life | None:
        """Return whether a workflow goes on; None: there is none."""
        fate = self.engine.fates([name]).get(name)
        return fate.life if fate else None


@pytest.fixture
def node(engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    monkeypatch.setattr(recorded_steps, "_STEP_TRIES", 1)
    made = Node(Works(engine, tmp_path), f"sqlite:///{tmp_path / 'workflows.sqlite'}")
    made.works.receive("1.2.3.1")
    yield made
    made.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what was waited for has not come"
        time.sleep(0.02)


def test_a_study_whose_failure_could_not_be_recorded_fails_in_the_end(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object, **__: object) -> NoReturn:
        raise _BROKEN

    node.corridor = replace(node.corridor, routing=cast("Routing", BrokenRouting()))
    node.start()
    with monkeypatch.context() as outage:
        outage.setattr(node.works.index, "give_up", gone)
        node.engine.analyse_now(STUDY)
        wait_for(lambda: bool(node.works.index.claims()))
        ((_, workflow),) = node.works.index.claims().items()
        wait_for(lambda: node.life(workflow) is Life.ENDED)
    assert node.works.index.study(STUDY).state is StudyState.COMPLETE
    with pytest.raises(sa.exc.ProgrammingError):  # nothing can be told while the table is gone
        node.salvage.sweep()
    study = node.works.index.study(STUDY)
    assert study.state is StudyState.FAILED
    assert "ProgrammingError" in study.reason
    assert "dicom-node retry" in study.reason
    assert node.works.index.reopen_failed(STUDY) == 1


def test_a_study_that_is_being_analysed_is_left_alone(node: Node) -> None:
    node.start()
    with node.corridor.slots.one(urgent=True):
        node.engine.analyse_now(STUDY)
        wait_for(lambda: bool(node.works.index.claims()))
        for _ in range(3):
            node.salvage.sweep()
        assert node.works.index.study(STUDY).state is StudyState.COMPLETE
    wait_for(lambda: node.works.index.study(STUDY).state is StudyState.ANALYSED)


def test_a_quiet_period_ends_in_time_although_the_node_was_started_anew(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "_NET", 600.0)
    monkeypatch.setattr(looks, "_LIVELY", 0.0)
    node.start()
    node.engine.analyse_when_quiet(STUDY, 4.0)
    node.stop()
    node.start()
    wait_for(lambda: node.works.index.study(STUDY).state is StudyState.ANALYSED)


def test_what_no_thread_was_found_for_is_an_orphan(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("can't start new thread")

    node.start()
    with monkeypatch.context() as busy:
        busy.setattr(ThreadPoolExecutor, "submit", refuse)
        with pytest.raises(RuntimeError, match="thread"):
            node.engine.analyse_now(STUDY)
    (orphan,) = node.engine.orphans()
    node.engine.take_up(orphan)
    wait_for(lambda: node.works.index.study(STUDY).state is StudyState.ANALYSED)


def copy_of_store(node: Node, folder: Path) -> str:
    """Return a copy of the workflow store as it is now: what a power cut may leave of it later."""
    copy = folder / "as it was on the disk.sqlite"
    source, kept = sqlite3.connect(node.store.removeprefix("sqlite:///")), sqlite3.connect(copy)
    with closing(source), closing(kept):
        source.backup(kept)
    return f"sqlite:///{copy}"


def results(node: Node) -> tuple[list[str], list[str]]:
    """Return what there is of a study's only job: evidence, and where it goes."""
    (job,) = node.works.hotbase.jobs(STUDY)
    evidence = node.works.hotbase.evidence(job["job_id"])
    deliveries = node.works.deliveries.of_job(job["job_id"])
    return (
        sorted(each.sop_instance_uid for each in evidence),
        sorted(each.delivery_id for each in deliveries),
    )


def test_a_study_whose_workflow_a_power_cut_has_undone_is_analysed_anew(node: Node) -> None:
    assert node.corridor.completion.claim(STUDY, "never heard of") is not None
    node.start()
    node.corridor.completion.start_with(node.engine)
    node.salvage.sweep()
    wait_for(lambda: node.works.index.study(STUDY).state is StudyState.ANALYSED)
    assert all(results(node))


def test_after_a_power_cut_what_is_done_again_is_there_once(node: Node, tmp_path: Path) -> None:
    node.start()
    with node.corridor.slots.one(urgent=True):
        node.engine.analyse_now(STUDY)
        wait_for(lambda: bool(node.works.index.claims()))
        ((_, workflow),) = node.works.index.claims().items()
        # Complete, external verdicts, route: what follows waits for its slot.
        wait_for(lambda: len(node.engine.stages(workflow)) == 3)
        on_disk = copy_of_store(node, tmp_path)
    wait_for(lambda: node.life(workflow) is Life.ENDED)
    before = results(node)
    assert all(before)
    node.stop()
    node.store = on_disk  # nothing but the workflow store forgets that all of it was done
    node.start()
    wait_for(lambda: node.life(workflow) is Life.ENDED)
    node.salvage.sweep()
    assert node.works.models.calls == 2
    assert node.works.index.study(STUDY).state is StudyState.ANALYSED
    assert results(node) == before


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


@pytest.mark.parametrize(
    ("fate", "state", "cancelled"),
    [
        (Fate(life=Life.ALIVE), StudyState.COMPLETE, []),
        (Fate(life=Life.LEFT), StudyState.RECEIVING, ["w1"]),
        (Fate(life=Life.ENDED), StudyState.FAILED, []),
        (None, StudyState.RECEIVING, []),  # the workflow store has lost it: it is begun anew
    ],
)
def test_a_study_follows_the_fate_of_its_workflow(
    node: Node, fate: Fate | None, state: StudyState, cancelled: list[str]
) -> None:
    ledger = Ledger(fate)
    salvage = Salvage(
        index=node.works.index,
        completion=node.corridor.completion,
        giving_up=node.corridor.giving_up,
        workflows=ledger,
    )
    salvage.sweep()
    assert ledger.asked == 0  # nothing is under way: nothing is asked
    assert node.corridor.completion.claim(STUDY, "w1") is not None
    salvage.sweep()
    assert node.works.index.study(STUDY).state is state
    assert (ledger.asked, ledger.cancelled) == (1, cancelled)
