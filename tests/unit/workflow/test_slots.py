"""Who works when there is not room for all."""

import threading
from contextlib import suppress

from dicom_node.workflow.analysis.slots import Slots


def test_urgent_work_overtakes_what_waits_and_the_rest_keeps_its_order() -> None:
    slots = Slots(1)
    done: list[str] = []
    threads = []
    with slots.one(urgent=False):
        for name in ("first", "second", "urgent"):
            threads.append(_start(slots, name, done, urgent=name == "urgent"))
            while len(slots._waiting) < len(threads):
                threads[-1].join(0.01)
    for thread in threads:
        thread.join(10)
    assert done == ["urgent", "first", "second"]


def test_what_is_probably_not_normal_goes_before_what_is_and_nobody_overtakes_urgent_work() -> None:
    slots = Slots(1)
    done: list[str] = []
    threads = []
    with slots.one(urgent=False):
        for name, urgent, abnormal in (
            ("normal", False, 0.1),
            ("untold", False, None),
            ("abnormal", False, 0.9),
            ("urgent", True, 0.0),
        ):
            threads.append(_start(slots, name, done, urgent=urgent, abnormal=abnormal))
            while len(slots._waiting) < len(threads):
                threads[-1].join(0.01)
    for thread in threads:
        thread.join(10)
    assert done == ["urgent", "abnormal", "untold", "normal"]


def test_no_more_work_at_once_than_there_are_places() -> None:
    slots = Slots(2)
    both_inside = threading.Barrier(3)
    leave, third_inside = threading.Event(), threading.Event()

    def pair() -> None:
        with slots.one(urgent=False):
            both_inside.wait(10)
            leave.wait(10)

    def third() -> None:
        with slots.one(urgent=False):
            third_inside.set()

    threads = [threading.Thread(target=work) for work in (pair, pair, third)]
    for thread in threads[:2]:
        thread.start()
    both_inside.wait(10)
    threads[2].start()
    assert not third_inside.wait(0.2)
    leave.set()
    assert third_inside.wait(10)
    for thread in threads:
        thread.join(10)


def test_who_rests_gives_its_place_to_others_and_takes_one_again() -> None:
    slots = Slots(1)
    done: list[str] = []

    def work() -> None:
        with slots.one(urgent=False):
            done.append("other")

    with slots.one(urgent=True, abnormal=0.9):
        with slots.rested():
            other = threading.Thread(target=work)
            other.start()
            other.join(30)
            assert done == ["other"]
        last = threading.Thread(target=work)
        last.start()
        assert done == ["other"]
    last.join(30)
    assert done == ["other", "other"]
    with slots.rested():  # of none that is held
        pass


def test_a_place_is_given_back_after_an_error() -> None:
    slots = Slots(1)
    for _ in range(2):
        with suppress(ValueError), slots.one(urgent=True):
            raise ValueError
    assert slots._free == 1


def _start(
    slots: Slots, name: str, done: list[str], *, urgent: bool = False, abnormal: float | None = None
) -> threading.Thread:
    def work() -> None:
        with slots.one(urgent=urgent, abnormal=abnormal):
            done.append(name)

    thread = threading.Thread(target=work)
    thread.start()
    return thread
