"""Who works when there is not room for all."""

import threading
from contextlib import suppress

from dicom_node.workflow.slots import Slots


def test_urgent_work_overtakes_what_waits_and_the_rest_keeps_its_order() -> None:
    slots = Slots(1)
    done: list[str] = []
    threads = []
    with slots.one(urgent=False):
        for name in ("first", "second", "urgent"):
            threads.append(_start(slots, name, done))
            while len(slots._waiting) < len(threads):
                threads[-1].join(0.01)
    for thread in threads:
        thread.join(10)
    assert done == ["urgent", "first", "second"]


def test_no_more_work_at_once_than_there_are_places() -> None:
    slots = Slots(2)
    together = threading.Barrier(2)
    third = threading.Event()

    def pair() -> None:
        with slots.one(urgent=False):
            together.wait(10)
            assert not third.wait(0.1)

    def single() -> None:
        with slots.one(urgent=False):
            third.set()

    pairs = [threading.Thread(target=pair) for _ in range(2)]
    for thread in pairs:
        thread.start()
    while slots._free:
        pairs[0].join(0.01)
    last = threading.Thread(target=single)
    last.start()
    for thread in (*pairs, last):
        thread.join(10)
    assert third.is_set()


def test_a_place_is_given_back_after_an_error() -> None:
    slots = Slots(1)
    for _ in range(2):
        with suppress(ValueError), slots.one(urgent=True):
            raise ValueError
    assert slots._free == 1


def _start(slots: Slots, name: str, done: list[str]) -> threading.Thread:
    def work() -> None:
        with slots.one(urgent=name == "urgent"):
            done.append(name)

    thread = threading.Thread(target=work)
    thread.start()
    return thread
