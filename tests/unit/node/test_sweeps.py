"""Sweeps: run when there is news or something waits, one after another, and at rest otherwise."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from dicom_node.node.sweeps import Sweeps, one_after_another

_PATIENCE = 60.0
_LONG = 3600.0


class Desk:
    """What sweeps are told by, and what they say."""

    def __init__(self) -> None:
        self.is_news = False
        self.waits = False
        self.leads = True
        self.looks: SimpleQueue[bool] = SimpleQueue()

    def news(self) -> bool:
        told, self.is_news = self.is_news, False
        return told

    @contextmanager
    def sweeping(
        self, *parts: Callable[[], object], net: float = _LONG, for_all: bool = False
    ) -> Iterator[None]:
        sweeps = Sweeps(
            seconds=0.01,
            news=[self.news],
            waits=lambda: self.waits,
            resting=self.looks.put,
            leads=lambda: self.leads,
            net=net,
        )
        for each in parts:
            sweeps.add(each, for_all=for_all)
        sweeps.start()
        try:
            yield
        finally:
            sweeps.stop()

    def rest(self) -> None:
        """Wait until they rest: twice, since the first look may have begun before."""
        for _ in range(2):
            while not self.looks.get(timeout=_PATIENCE):
                pass


class Part:
    """A sweep that counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.ran: SimpleQueue[bool] = SimpleQueue()

    def __call__(self) -> None:
        self.runs += 1
        self.ran.put(True)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_at_rest_nothing_runs_until_there_is_news(desk: Desk) -> None:
    part = Part()
    with desk.sweeping(part):
        desk.rest()
        before = part.runs
        for _ in range(5):
            assert desk.looks.get(timeout=_PATIENCE)
        assert part.runs == before
        desk.is_news = True
        desk.rest()
        assert part.runs == before + 1


def test_what_waits_for_its_time_is_looked_for_again_and_again(desk: Desk) -> None:
    part = Part()
    desk.waits = True
    with desk.sweeping(part):
        for _ in range(5):
            assert part.ran.get(timeout=_PATIENCE)
            assert not desk.looks.get(timeout=_PATIENCE)
        desk.waits = False
        desk.rest()


def test_what_nobody_tells_of_is_found_by_the_net(desk: Desk) -> None:
    part = Part()
    with desk.sweeping(part, net=0.05):
        for _ in range(3):
            assert part.ran.get(timeout=_PATIENCE)


def test_who_begins_to_lead_looks_at_once(desk: Desk) -> None:
    part = Part()
    desk.leads = False
    with desk.sweeping(part, for_all=True):
        desk.rest()
        assert part.runs == 0
        desk.leads = True
        assert part.ran.get(timeout=_PATIENCE)


def test_an_error_holds_no_other_up_and_is_tried_again(desk: Desk) -> None:
    part, tries = Part(), 0

    def fail_twice() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("the database is away")

    with desk.sweeping(fail_twice, part):
        desk.rest()
    assert tries >= 3
    assert part.runs >= 3


def test_of_parts_in_one_sweep_that_fail_the_others_are_done_and_all_are_tried_again(
    desk: Desk,
) -> None:
    first, last, tries = Part(), Part(), 0

    def fail_twice() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("the Warehouse is away")

    with desk.sweeping(one_after_another(lambda: (first, fail_twice, last))):
        desk.rest()
    assert first.runs == last.runs == tries >= 3


def test_sweeps_outlive_whoever_tells_them_of_news(desk: Desk) -> None:
    part, asked = Part(), 0

    def news() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            raise RuntimeError("cannot be asked")
        return False

    sweeps = Sweeps(
        seconds=0.01,
        news=[news],
        waits=lambda: False,
        resting=desk.looks.put,
        leads=lambda: True,
        net=_LONG,
    )
    sweeps.add(part)
    sweeps.start()
    assert part.ran.get(timeout=_PATIENCE)
    assert part.ran.get(timeout=_PATIENCE)  # what it might have been told
    desk.rest()
    sweeps.stop()


def test_a_sweep_that_lasts_lets_others_run_and_is_not_run_twice_at_a_time(desk: Desk) -> None:
    go_on, part, begun = threading.Event(), Part(), 0

    def last() -> None:
        nonlocal begun
        begun += 1
        assert go_on.wait(_PATIENCE)

    with desk.sweeping(last, part):
        for _ in range(3):
            assert part.ran.get(timeout=_PATIENCE)
        assert begun == 1
        go_on.set()
        desk.rest()


def test_short_sweeps_run_one_after_another(desk: Desk) -> None:
    order: list[str] = []

    def named(name: str) -> Callable[[], None]:
        def run() -> None:
            order.append(name)
            order.append(f"end of {name}")

        return run

    desk.waits = True
    with desk.sweeping(named("first"), named("second")):
        for _ in range(5):
            desk.looks.get(timeout=_PATIENCE)
    assert order[:4] == ["first", "end of first", "second", "end of second"]


def test_what_is_to_be_done_at_once_is(desk: Desk) -> None:
    first, second = Part(), Part()
    sweeps = Sweeps(
        seconds=_LONG,
        news=[],
        waits=lambda: False,
        resting=desk.looks.put,
        leads=lambda: True,
    )
    sweeps.add(first, at_once=True)
    sweeps.add(second)
    sweeps.start()
    assert first.ran.get(timeout=_PATIENCE)
    sweeps.stop()
    assert (first.runs, second.runs) == (1, 0)
