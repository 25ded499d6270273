"""The index of studies."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.study import StudyState
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.tables import CONFLICTS, STUDIES
from dicom_node.persistence.database import make_engine, migrate
from tests.unit.builders import EPOCH, STUDY, an_instance


@pytest.fixture
def index(engine: sa.Engine) -> StudyIndex:
    return StudyIndex(engine)


def test_an_instance_comes_back_as_it_was_recorded(index: StudyIndex) -> None:
    instance = an_instance(manufacturer="Müller")
    assert index.record([instance]) == {STUDY}
    assert index.instances(STUDY) == (instance,)


def test_the_same_instance_again_changes_nothing(index: StudyIndex) -> None:
    index.record([an_instance()])
    assert index.claim(STUDY, by="w", at=EPOCH) is not None
    assert index.record([an_instance()]) == frozenset()
    assert index.study(STUDY).state is StudyState.COMPLETE


def test_other_bytes_under_the_same_uid_are_kept_as_a_conflict(
    index: StudyIndex, engine: sa.Engine
) -> None:
    first = an_instance("1.1", digest="a", path="one.dcm")
    second = an_instance("1.1", digest="b", path="two.dcm")
    index.record([first])
    index.record([second])
    assert index.instances(STUDY) == (first,)
    with engine.connect() as connection:
        assert connection.scalars(sa.select(CONFLICTS.c.path)).all() == ["two.dcm"]


def test_two_versions_in_one_batch_are_told_apart(index: StudyIndex) -> None:
    first = an_instance("1.1", digest="a", path="one.dcm")
    index.record([first, an_instance("1.1", digest="b", path="two.dcm")])
    assert index.instances(STUDY) == (first,)


def test_a_claim_freezes_what_was_received(index: StudyIndex) -> None:
    index.record([an_instance("1.1"), an_instance("1.2")])
    study = index.claim(STUDY, by="w", at=EPOCH)
    assert study is not None
    assert (study.revision, study.sop_instance_uids) == (1, ("1.1", "1.2"))


def test_only_one_workflow_gets_a_study_but_it_may_ask_again(index: StudyIndex) -> None:
    index.record([an_instance()])
    first = index.claim(STUDY, by="w1", at=EPOCH)
    assert index.claim(STUDY, by="w2", at=EPOCH) is None
    assert index.claim(STUDY, by="w1", at=EPOCH) == first


def test_a_late_image_reopens_a_study_and_makes_the_next_revision(index: StudyIndex) -> None:
    index.record([an_instance("1.1")])
    study = index.claim(STUDY, by="w1", at=EPOCH)
    assert study is not None
    index.finish(study, StudyState.ANALYSED)
    index.record([an_instance("1.2")])
    assert index.study(STUDY).state is StudyState.RECEIVING
    again = index.claim(STUDY, by="w2", at=EPOCH)
    assert again is not None
    assert (again.revision, again.sop_instance_uids) == (2, ("1.1", "1.2"))


def test_an_old_revision_does_not_close_a_reopened_study(index: StudyIndex) -> None:
    index.record([an_instance("1.1")])
    study = index.claim(STUDY, by="w1", at=EPOCH)
    assert study is not None
    index.record([an_instance("1.2")])
    index.finish(study, StudyState.ANALYSED)
    assert index.study(STUDY).state is StudyState.RECEIVING


def test_a_study_cannot_end_in_a_state_that_is_no_end(index: StudyIndex) -> None:
    index.record([an_instance()])
    study = index.claim(STUDY, by="w", at=EPOCH)
    assert study is not None
    with pytest.raises(ConflictError):
        index.finish(study, StudyState.COMPLETE)


def test_an_unknown_study_is_a_clear_error(index: StudyIndex) -> None:
    with pytest.raises(NotFoundError, match=r"study 9\.9 is not in the index"):
        index.study("9.9")


def test_more_instances_than_a_statement_takes_parameters(index: StudyIndex) -> None:
    batch = [an_instance(f"1.{number}") for number in range(1200)]
    index.record(batch)
    index.record(batch)
    assert index.study(STUDY).instance_count == 1200


def test_the_newest_reception_and_the_counts(index: StudyIndex) -> None:
    assert index.newest() is None
    later = EPOCH + timedelta(hours=1)
    index.record([an_instance("1.1"), an_instance("1.2", received_at=later)])
    assert index.newest() == later
    assert index.counts() == {StudyState.RECEIVING: 1}


def test_a_ping_reads_an_empty_and_a_filled_index(index: StudyIndex) -> None:
    index.ping()
    index.record([an_instance()])
    index.ping()


def _instructions(index: StudyIndex, engine: sa.Engine) -> int:
    """How many instructions SQLite takes to answer a ping."""
    count = 0

    def one_more() -> int:
        nonlocal count
        count += 1
        return 0

    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        # The same thread is given the same connection.
        driver.set_progress_handler(one_more, 1)
    index.ping()
    driver.set_progress_handler(None, 1)
    return count


@pytest.mark.slow
def test_a_ping_costs_the_same_whether_there_is_one_study_or_a_hundred_thousand(
    tmp_path: Path,
) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'one.sqlite'}")
    migrate(engine)
    index = StudyIndex(engine)
    index.record([an_instance()])
    with_one = _instructions(index, engine)
    with engine.begin() as connection:
        row = connection.execute(sa.select(STUDIES)).mappings().one()
        more = [{**row, "study_instance_uid": f"1.9.{number}"} for number in range(100_000)]
        connection.execute(sa.insert(STUDIES), more)
    with_many = _instructions(index, engine)
    engine.dispose()
    assert 0 < with_many == with_one
