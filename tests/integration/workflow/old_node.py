"""A node of another version, to be killed: ``python -m tests.integration.workflow.old_node …``.

It brings studies to every place where work can stand when a node is stopped, says ``ready``, and
waits for its end.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS
from dbos._serialization import DefaultSerializer

from ai_engine.prediction import ModelIdentity, Prediction
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.delivery import RetryPolicy
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.persistence.database import make_engine
from dicom_node.workflow import engine as engine_module
from dicom_node.workflow.contract import StepContract
from dicom_node.workflow.delivery.courier import CourierParts
from dicom_node.workflow.delivery.dispatch import Dispatch
from dicom_node.workflow.delivery.ports import Outcome, Sent
from dicom_node.workflow.step_values import StepValues
from dicom_node.workflow.testing.fakes import FakeModels
from tests.unit.workflow.fitted import fitting, proving
from tests.unit.workflow.test_pipeline import Works
from tests.unit.workflow.test_salvage import Node

# Where each study stands when the node is killed.
DELIVERED = "1.2.826.0.1.1.1"
INFERRING = "1.2.826.0.1.1.2"
SENDING = "1.2.826.0.1.1.3"
RETRYING = "1.2.826.0.1.1.4"
QUIETING = "1.2.826.0.1.1.5"
WAITING_FOR_ITS_SLOT = "1.2.826.0.1.1.6"
QUEUED = "1.2.826.0.1.1.7"
STUDIES = (DELIVERED, INFERRING, SENDING, RETRYING, QUIETING, WAITING_FOR_ITS_SLOT, QUEUED)
LONG = 3600.0
_PATIENCE = 60.0


class FewerFields(StepValues):
    """What a version wrote that did not yet know two fields, which have defaults now."""

    def serialize(self, data: Any) -> str:
        """Leave them out."""
        return json.dumps(_without(json.loads(super().serialize(data)), {"doubts", "triage"}))


class OtherNames(StepValues):
    """What a version wrote that called a field otherwise."""

    def serialize(self, data: Any) -> str:
        """Rename it."""
        return super().serialize(data).replace('"destinations":', '"targets":')


class FirstContract(StepContract):
    """The version of 0.1.0, kept by hand."""

    @property
    def version(self) -> str:
        """What DBOS was given."""
        return "4"


@dataclass
class Door:
    """Takes objects and notes them; one study's are never taken, another's are refused."""

    folder: Path
    old: bool = True

    def verify(self, destination: ApplicationEntity) -> None:
        """Be there."""
        assert destination.title == "PACS"

    @contextmanager
    def connect(self, destination: ApplicationEntity, paths: Sequence[str]) -> Iterator["Door"]:
        """Be there."""
        assert destination.title == "PACS"
        assert paths
        yield self

    def carries(self, paths: Sequence[str]) -> bool:
        """Carry everything."""
        return bool(paths)

    def send(self, paths: Sequence[str]) -> tuple[Sent, ...]:
        """Note what came, or do what the study is meant for."""
        if self.old and any(SENDING in each for each in paths):
            (self.folder / "sending").touch()
            time.sleep(600)
        outcome = Outcome.STORED
        if self.old and any(RETRYING in each for each in paths):
            outcome = Outcome.REFUSED
        else:
            with (self.folder / "sent").open("a") as sent:
                sent.writelines(f"{each}\n" for each in paths)
        return tuple(Sent(path=each, outcome=outcome, words="no room") for each in paths)


@dataclass
class Stuck(FakeModels):
    """A model that never comes back from one study."""

    folder: Path = Path()

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Prediction:
        """Say that it has begun."""
        if instances[0].study_instance_uid == INFERRING:
            (self.folder / "inferring").touch()
            time.sleep(600)
        return super().predict(model, instances)


def make_node(hotbase: sa.Engine, folder: Path, store: str, models: FakeModels) -> Node:
    """Return a node whose model and destination are stand-ins."""
    works = Works(hotbase, folder)
    works.models = models
    works.look_with(models)
    return Node(works, store)


def make_dispatch(node: Node, door: Door, policy: RetryPolicy) -> Dispatch:
    """Return what sends a node's deliveries to the door."""
    works = node.works
    parts = CourierParts(
        ledger=works.deliveries,
        results=works.hotbase,
        ae_titles=works.ae_titles,
        sender=door,
        fitting=fitting(works.hotbase, works.deliveries, works.clock),
        proving=proving(works.engine, works.clock),
        policy=policy,
        chance=lambda: 0.5,
        clock=works.clock,
        monotonic=time.monotonic,
    )
    dispatch = Dispatch(parts)
    works.corridor.planning.wake_with(dispatch.wake)
    return dispatch


def _without(written: Any, names: set[str]) -> Any:
    if isinstance(written, dict):
        return {key: _without(each, names) for key, each in written.items() if key not in names}
    if isinstance(written, list):
        return [_without(each, names) for each in written]
    return written


def _become(kind: str, node: Node) -> None:
    order, values = node.contract.order, node.contract.values
    node.contract = {
        "fewer fields": StepContract(order=order, values="older"),
        "other names": StepContract(order=order, values="older"),
        "other order": StepContract(order="older", values=values),
        "pickles": FirstContract(order="", values=""),
    }[kind]
    serializers: dict[str, Any] = {
        "fewer fields": FewerFields,
        "other names": OtherNames,
        "pickles": DefaultSerializer,
    }
    engine_module.StepValues = serializers.get(kind, StepValues)  # type: ignore[misc]
    engine_module.refuse_pickles = lambda: None
    # One study is analysed directly, one from the queue: the next ones wait.
    engine_module._DIRECT = 1


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("the old node never came to where it is to be killed")
        time.sleep(0.02)


def main(kind: str, hotbase: str, store: str, folder: Path) -> None:
    """Bring every study to its place, say so, and wait."""
    node = make_node(make_engine(hotbase), folder, store, Stuck(folder=folder))
    _become(kind, node)
    policy = RetryPolicy(first_delay=timedelta(seconds=LONG), jitter=0.0)
    make_dispatch(node, Door(folder), policy).start()
    works = node.works
    for study in STUDIES:
        works.receive(f"{study}.1.1", StudyInstanceUID=study, SeriesInstanceUID=f"{study}.1")
    node.start()
    for study in (DELIVERED, RETRYING, SENDING):
        node.engine.analyse_now(study)
        _wait(lambda study=study: works.index.study(study).state.value == "analysed")  # type: ignore[misc]
        if study != SENDING:  # nothing goes to the destination any more once that one does
            _wait(lambda study=study: _attempts(works, study) == [1])  # type: ignore[misc]
    _wait((folder / "sending").exists)
    node.engine.analyse_when_quiet(QUIETING, LONG)
    node.engine.analyse_now(INFERRING)
    _wait((folder / "inferring").exists)
    node.engine.analyse_now(WAITING_FOR_ITS_SLOT)
    _wait(lambda: _is_routed(works, WAITING_FOR_ITS_SLOT))
    node.engine.analyse_now(QUEUED)
    print("ready", flush=True)
    time.sleep(600)


def _is_routed(works: Works, study: str) -> bool:
    workflow = works.index.claims().get(study)
    steps = DBOS.list_workflow_steps(workflow) if workflow else []
    return "route" in [each["function_name"] for each in steps]


def _attempts(works: Works, study: str) -> list[int]:
    return [
        each.attempts
        for job in works.hotbase.jobs(study)
        for each in works.deliveries.of_job(job["job_id"])
    ]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
