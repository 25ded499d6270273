"""What workers are asked for before anybody has asked."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ai_engine.library.card import UNGUARDED
from ai_engine.prediction import Prediction
from dicom_node.configuration.work import WorkerSettings
from dicom_node.isolation.attempts import AttemptsInMemory
from dicom_node.models.seen import Looked, Seen, sight_of
from dicom_node.node.isolated import Isolated
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from tests.unit.builders import an_instance


class FreeWorker:
    """Notes for which studies it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def spare(self, subject: str, *_: object) -> None:
        self.asked.append(subject)


@pytest.mark.parametrize(("patience", "count"), [(0.0, 1), (60.0, 0)])
def test_a_model_that_runs_elsewhere_is_not_asked_ahead(patience: float, count: int) -> None:
    worker = FreeWorker()
    isolated = Isolated(
        cast("Any", SimpleNamespace(runner=worker)),
        AttemptsInMemory(),
        settings=WorkerSettings(),
        cards=cast(
            "Any", SimpleNamespace(card=lambda _: SimpleNamespace(patience=lambda _: patience))
        ),
        calibrations=cast("Any", SimpleNamespace(in_use=lambda *_, **__: None)),
    )
    isolated.look_ahead(FAKE_MODEL, an_instance("1.1"))
    assert len(worker.asked) == count


class WorkerThatLooks:
    """Looks at images for as long as it is let, and says what it was asked for."""

    def __init__(self, looked: Looked | None) -> None:
        self.looked = looked
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.predicted = 0

    def spare(self, *_: object) -> Looked | None:
        self.begun.set()
        assert self.go_on.wait(60)
        return self.looked

    def run(self, _subject: str, _seconds: float, before: Callable[[], None], *_: object) -> str:
        before()
        self.predicted += 1
        return "anew"


@pytest.mark.parametrize("finds", [True, False])
def test_who_asks_for_what_is_being_looked_at_waits_for_what_is_found(finds: bool) -> None:
    card = SimpleNamespace(patience=lambda _: 0.0, guard=UNGUARDED)
    instance = an_instance("1.1")
    sight = sight_of(FAKE_MODEL, cast("Any", card), {}, (instance,), {})
    found = Prediction(model=FAKE_MODEL, images=())
    worker = WorkerThatLooks(Looked(sight=sight, found=found) if finds else None)
    isolated = Isolated(
        cast("Any", SimpleNamespace(runner=worker)),
        AttemptsInMemory(),
        settings=WorkerSettings(),
        cards=cast("Any", SimpleNamespace(card=lambda _: card, versions={})),
        calibrations=cast("Any", SimpleNamespace(in_use=lambda *_, **__: None)),
    )
    looking = threading.Thread(target=isolated.look_ahead, args=(FAKE_MODEL, instance))
    looking.start()
    assert worker.begun.wait(60)
    answers: list[object] = []
    asking = threading.Thread(
        target=lambda: answers.append(isolated.predict(FAKE_MODEL, (instance,)))
    )
    asking.start()
    worker.go_on.set()
    looking.join(60)
    asking.join(60)
    assert answers == [found if finds else "anew"]
    assert worker.predicted == (0 if finds else 1)
    assert cast("Any", isolated.predict(FAKE_MODEL, (instance,))) == "anew", "it is given once"
    other = an_instance("1.1", digest="other")
    assert cast("Any", isolated.predict(FAKE_MODEL, (instance, other))) == "anew"


def test_more_is_not_looked_at_than_workers_keep_images_of() -> None:
    """Images that nobody asks for in time would have to be decoded once more."""
    card = SimpleNamespace(patience=lambda _: 0.0, guard=UNGUARDED)
    now = 100.0
    seen = Seen(monotonic=lambda: now)
    sights = [
        sight_of(FAKE_MODEL, cast("Any", card), {}, (an_instance(f"1.{number}"),), {})
        for number in range(6)
    ]
    for each in sights:
        assert not seen.are_enough
        seen.keep(Looked(sight=each, found=Prediction(model=FAKE_MODEL, images=())))
    assert seen.are_enough
    assert seen.take("study", sights[3]) is not None
    assert not seen.are_enough
    seen.keep(Looked(sight=sights[3], found=Prediction(model=FAKE_MODEL, images=())))
    assert seen.are_enough
    now += 11
    assert not seen.are_enough, "whoever has not asked by now will not"
