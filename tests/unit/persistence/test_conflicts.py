"""Other content under a known SOP Instance UID is kept, told once, and found again."""

import logging
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dicom_node.persistence.corridor.conflicts import ConflictStore
from dicom_node.persistence.corridor.index import StudyIndex
from tests.unit.builders import EPOCH, STUDY, an_instance

FIRST = an_instance("1.1", digest="a", path="one.dcm")
CORRECTED = an_instance("1.1", digest="b", path="two.dcm", received_at=EPOCH + timedelta(hours=1))
MOVED = an_instance(
    "1.1",
    digest="c",
    path="three.dcm",
    study_instance_uid="1.9",
    received_at=EPOCH + timedelta(hours=2),
)


def test_each_conflict_is_one_warning_with_uids_only(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    index = StudyIndex(engine)
    with caplog.at_level(logging.WARNING):
        index.record([FIRST])
        index.record([FIRST])
        assert caplog.records == []
        index.record([CORRECTED, CORRECTED])
        # The same again, from a sender that repeats itself or from the archive at the next start.
        index.record([FIRST, CORRECTED])
    (said,) = caplog.messages
    assert f"sop=1.1 study={STUDY}: kept, not analysed" in said


def test_conflicts_are_counted_and_found_by_both_studies(engine: sa.Engine) -> None:
    index, conflicts = StudyIndex(engine), ConflictStore(engine)
    assert (conflicts.count(), conflicts.newest()) == (0, ())
    index.record([FIRST, CORRECTED, MOVED])
    assert conflicts.count() == 2
    assert [each.path for each in conflicts.newest()] == ["three.dcm", "two.dcm"]
    assert [each.path for each in conflicts.newest(1)] == ["three.dcm"]
    assert [each.path for each in conflicts.of_study(STUDY)] == ["three.dcm", "two.dcm"]
    (moved,) = conflicts.of_study("1.9")
    assert (moved.study_instance_uid, moved.counted_study_uid) == ("1.9", STUDY)
    assert (moved.calling_ae, moved.received_at) == ("CR1", MOVED.received_at)
    assert conflicts.of_study("1.2.3") == ()
