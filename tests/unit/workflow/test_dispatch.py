"""Couriers are sent out, each in a thread of its own."""

import threading
from dataclasses import replace

import pytest
import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from dicom_node.workflow.delivery.dispatch import Dispatch
from tests.peers.process import wait_until
from tests.unit.workflow.test_courier import JOB, Office


def test_a_courier_for_whom_there_is_no_thread_is_sent_out_by_the_next_sweep(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit of threads of a machine is reached, and is not any more."""
    office = Office(engine)
    delivery = office.planned()
    dispatch = Dispatch(office.parts())

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", refuse)
        dispatch.start()
        dispatch.wake("PACS")
    try:
        dispatch.sweep()
        wait_until(lambda: office.state(delivery) is DeliveryState.DELIVERED, "the delivery")
    finally:
        dispatch.stop()


def test_a_destination_is_told_of_what_is_being_made_unless_it_is_down(engine: sa.Engine) -> None:
    office = Office(engine)
    told: list[str] = []

    def expect(destination: str) -> None:
        told.append(destination)
        raise OSError("whatever goes wrong stops nothing")

    dispatch = Dispatch(replace(office.parts(), expect=expect))
    office.planning.wake_with(dispatch.wake, dispatch.expect)
    office.planning.expect(JOB)
    assert told == [], "nobody is sent out yet"
    dispatch.start()
    try:
        office.planning.expect(JOB)
        assert told == list(JOB.destinations)
        office.sender.away = "is away"
        office.planned()
        dispatch.sweep()
        wait_until(lambda: dispatch._posts["PACS"].courier.finds_it_down, "the courier to know")
        office.planning.expect(JOB)
        assert told == list(JOB.destinations)
    finally:
        dispatch.stop()
