"""Images are looked at as they come, where a route may want them, and nobody waits for it."""

import threading
from collections.abc import Iterator

import pytest

from ai_engine.prediction import ModelIdentity
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import Route
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.ahead import Ahead, AheadParts
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from tests.unit.builders import an_instance

CHEST = Route(name="chest", model="chest", modalities=frozenset({"DX"}))


class Worker:
    """Notes what it was to look at; the first image of all is more than it can take."""

    def __init__(self) -> None:
        self.looked: list[str] = []
        self.changed = threading.Condition()

    def look(self, model: ModelIdentity, instance: ReceivedInstance) -> None:
        assert model == FAKE_MODEL
        with self.changed:
            self.looked.append(instance.sop_instance_uid)
            self.changed.notify_all()
        if instance.sop_instance_uid == "1.2.1":
            raise NodeError("the weights are gone")
        if instance.sop_instance_uid == "1.2.2":
            raise KeyError("what nobody expects")

    def wait_for(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.looked) >= count, 30)


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def ahead(worker: Worker) -> Iterator[Ahead]:
    parts = AheadParts(routes=lambda: (CHEST,), identity=lambda _: FAKE_MODEL, look=worker.look)
    made = Ahead(parts)
    made.start()
    yield made
    made.stop()


def test_what_a_route_wants_is_looked_at_and_what_goes_wrong_stops_nothing(
    worker: Worker, ahead: Ahead
) -> None:
    ahead.arrived([an_instance("1.2.1"), an_instance("1.2.2")])
    ahead.arrived(
        [
            an_instance("1.2.3", modality="CR"),
            an_instance("1.2.4", conflict=True),
            an_instance("1.2.5", sop_class_uid="1.2.840.10008.5.1.4.1.1.2"),
            an_instance("1.2.6"),
        ]
    )
    worker.wait_for(3)
    assert worker.looked == ["1.2.1", "1.2.2", "1.2.6"]


def test_after_the_end_nothing_is_looked_at(worker: Worker, ahead: Ahead) -> None:
    ahead.stop()
    ahead.arrived([an_instance("1.2.6")])
    ahead._thread.join(30)
    assert not ahead._thread.is_alive()
    assert worker.looked == []
