"""What is away comes back, and is waited for."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest
import sqlalchemy as sa

from dicom_node.domain.reception import ArchiveAwayError, OutOfSpaceError, WriteError
from dicom_node.errors import AwayError, ConflictError
from dicom_node.workflow.outages import Outages, StoppedWaitingError, is_outage

CLOSED = sa.exc.OperationalError("SELECT 1", {}, Exception("server closed the connection"))
FULL = sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))


@pytest.mark.parametrize(
    "error",
    [
        CLOSED,
        FULL,
        sa.exc.InterfaceError("SELECT 1", {}, Exception("connection is closed")),
        sa.exc.TimeoutError("QueuePool limit reached"),
        OutOfSpaceError("the disk is full"),
        ArchiveAwayError("the archive cannot be reached: No such file or directory"),
        AwayError("service chest at http://triton:8000: cannot be reached"),
    ],
)
def test_what_comes_back_is_an_outage(error: Exception) -> None:
    assert is_outage(error)


@pytest.mark.parametrize(
    "error",
    [
        sa.exc.IntegrityError("INSERT", {}, Exception("unique")),
        sa.exc.ProgrammingError("SELECT x", {}, Exception("no such column")),
        ConflictError("done"),
        WriteError("a damaged file has the name that this object would get"),
        ZeroDivisionError(),
    ],
)
def test_what_stays_wrong_is_none(error: Exception) -> None:
    assert not is_outage(error)


def test_a_step_is_done_again_until_the_outage_is_over() -> None:
    failures: list[Exception] = [CLOSED, FULL]

    def step(value: int) -> int:
        if failures:
            raise failures.pop()
        return value

    outages = Outages()
    outages.start()
    assert outages.waited_out("route", step)(7) == 7
    assert outages.lasting() == (0, 0.0, "")


def test_what_a_step_refuses_is_raised_at_once() -> None:
    def step() -> NoReturn:
        raise ConflictError("done")

    with pytest.raises(ConflictError):
        Outages().waited_out("finish", step)()


def test_who_waits_rests_and_a_service_is_not_waited_for_without_end() -> None:
    clock, rests = [0.0], []

    @contextmanager
    def resting() -> Iterator[None]:
        rests.append("left")
        yield
        rests.append("back")
        clock[0] += 60

    outages = Outages(lambda: clock[0], resting=resting, service_patience=100)

    def ask() -> NoReturn:
        raise AwayError("service chest at http://triton:8000: cannot be reached")

    with pytest.raises(AwayError, match="cannot be reached"):
        outages.waited_out("infer", ask)()
    assert rests == ["left", "back"] * 2


def test_it_is_known_what_is_waited_for_and_a_node_that_stops_waits_no_longer() -> None:
    begun = threading.Event()
    ended: list[BaseException] = []
    now = [100.0]
    outages = Outages(monotonic=lambda: now[0])
    outages.start()

    def step() -> NoReturn:
        begun.set()
        raise CLOSED

    def work() -> None:
        try:
            outages.waited_out("route", step)()
        except StoppedWaitingError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(60)
    while not outages.lasting()[0]:
        pass
    now[0] = 160.0
    assert outages.lasting() == (1, 60.0, "OperationalError")
    outages.stop()
    thread.join(60)
    assert len(ended) == 1
