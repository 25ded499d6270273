"""Attempts are counted before they are made, and are known after a restart."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from dicom_node.domain.study import StudyState
from dicom_node.isolation.attempts import AttemptsInMemory, AttemptStore
from dicom_node.isolation.errors import KILLED
from dicom_node.persistence.corridor.attempts import AttemptTable
from dicom_node.persistence.corridor.index import StudyIndex
from tests.unit.builders import EPOCH, an_instance

SUBJECT, STUDY = "analysis 1.2.3", "1.2.3"
MakeStore = Callable[[], AttemptStore]


@pytest.fixture(params=["table", "memory"])
def reopened(request: pytest.FixtureRequest, engine: sa.Engine) -> MakeStore:
    """The store as each process finds it; in memory, it is the one that there is."""
    if request.param == "memory":
        kept = AttemptsInMemory()
        return lambda: kept
    return lambda: AttemptTable(engine)


def begin(store: AttemptStore) -> bool:
    """Begin an attempt, if there is one left."""
    return not store.begin(SUBJECT, STUDY).are_spent


def test_two_workers_that_died_are_the_last(reopened: MakeStore) -> None:
    for reason in ("was ended by SIGSEGV", "took longer than 60 seconds"):
        assert begin(reopened())
        reopened().died(SUBJECT, reason)
    assert not begin(reopened())
    spent = reopened().begin(SUBJECT, STUDY)
    assert (spent.begun, spent.deaths) == (2, 2)
    assert "begun 2 times" in spent.words
    assert "a worker process took longer than 60 seconds" in spent.words
    assert "dicom-node retry" in spent.words


def test_a_node_that_is_killed_blames_a_study_only_time_and_again(reopened: MakeStore) -> None:
    assert [begin(reopened()) for _ in range(12)] == [True] * 10 + [False] * 2
    assert "the node stopped in its midst" in reopened().begin(SUBJECT, STUDY).words


def test_a_node_that_dies_during_the_second_attempt_makes_no_third(reopened: MakeStore) -> None:
    assert begin(reopened())
    reopened().died(SUBJECT, "took longer than 60 seconds")
    assert begin(reopened())
    assert not begin(reopened()), "it was begun twice, and a worker was seen to die of it"


def test_a_node_that_is_killed_after_a_worker_was_leaves_the_study_another_attempt(
    reopened: MakeStore,
) -> None:
    assert begin(reopened())
    reopened().died(SUBJECT, KILLED)
    assert begin(reopened()), "the second attempt, in which the node is killed"
    assert begin(reopened())
    reopened().died(SUBJECT, "was ended by SIGSEGV")
    assert not begin(reopened())


def test_what_ended_well_or_was_told_to_stop_is_not_blamed(reopened: MakeStore) -> None:
    for _ in range(5):
        assert begin(reopened())
        reopened().end(SUBJECT)
    for _ in range(5):
        assert begin(reopened())
        reopened().forgive(SUBJECT)
    assert begin(reopened())


def test_a_person_may_have_a_study_tried_again(engine: sa.Engine) -> None:
    table, index = AttemptTable(engine), StudyIndex(engine)
    subjects = {study: f"analysis {study}" for study in (STUDY, "1.2.4")}
    for study, subject in subjects.items():
        index.record([an_instance(f"{study}.1.1", study_instance_uid=study)])
        claimed = index.claim(study, by="workflow", at=EPOCH)
        assert claimed is not None
        index.finish(claimed, StudyState.FAILED)
        for _ in range(2):
            table.begin(subject, study)
            table.died(subject, "took longer than 60 seconds")

    def spent() -> set[str]:
        return {
            study for study, subject in subjects.items() if table.begin(subject, study).are_spent
        }

    assert spent() == {STUDY, "1.2.4"}
    assert index.reopen_failed(STUDY) == 1
    assert spent() == {"1.2.4"}
    assert index.reopen_failed() == 1
    assert spent() == set()
