"""What stands still is found, and what is meant to take its time is not."""

from datetime import timedelta

import sqlalchemy as sa

from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.standing import StandingStore, Still
from tests.unit.builders import EPOCH, STUDY, an_instance

LATER = EPOCH + timedelta(hours=2)


def test_a_study_that_is_not_done_in_time_stands_still(engine: sa.Engine) -> None:
    index, standing = StudyIndex(engine), StandingStore(engine)
    index.record([an_instance("1.1")])
    assert standing.unfinished(EPOCH) == Still()
    found = standing.unfinished(LATER)
    assert (found.count, found.since) == (1, EPOCH)
    study = index.claim(STUDY, by="w1", at=EPOCH)
    assert study is not None
    assert standing.unfinished(LATER).count == 1
    index.finish(study, StudyState.ANALYSED)
    assert standing.unfinished(LATER) == Still()


def test_a_transfer_whose_retry_is_waited_for_takes_its_time(engine: sa.Engine) -> None:
    index, standing = StudyIndex(engine), StandingStore(engine)
    index.record([an_instance("1.1")])
    index.interrupted(STUDY, AssociationEnd.ABORTED, sender="CR1")
    assert standing.unfinished(LATER) == Still()


def test_a_failed_study_is_told_until_it_is_tried_again(engine: sa.Engine) -> None:
    index, standing = StudyIndex(engine), StandingStore(engine)
    index.record([an_instance("1.1")])
    study = index.claim(STUDY, by="w1", at=EPOCH)
    assert study is not None
    index.finish(study, StudyState.FAILED, "no model")
    assert standing.failed().count == 1
    index.reopen_failed()
    assert standing.failed() == Still()
