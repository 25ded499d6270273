"""Couriers are sent out, each in a thread of its own."""

import threading

import pytest
import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from dicom_node.workflow.delivery.dispatch import Dispatch
from tests.peers.process import wait_until
from tests.unit.workflow.test_courier import Office


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
