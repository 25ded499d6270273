"""When a study is complete."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from dicom_node.domain.performed_step import (
    AnnouncedInstance,
    Availability,
    PerformedState,
    PerformedStep,
)
from dicom_node.domain.reception import AssociationEnd, AssociationEnded
from dicom_node.domain.study import StoredStudy, StudyRecord, StudyState
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.corridor.announcements import AnnouncementStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.receive import OpenAssociations, Reception
from dicom_node.workflow.testing.fakes import FakeClock, RecordingStarter
from tests.unit.builders import EPOCH, STUDY, an_entity, an_instance


def released(association_id: str) -> AssociationEnded:
    return ended(association_id, AssociationEnd.RELEASED)


def ended(association_id: str, end: AssociationEnd, *, calling_ae: str = "CR1") -> AssociationEnded:
    return AssociationEnded(association_id=association_id, calling_ae=calling_ae, end=end, at=EPOCH)


BROKEN_OFF = [end for end in AssociationEnd if end is not AssociationEnd.RELEASED]


class Desk:
    """A reception with everything behind it, up to the start of an analysis."""

    def __init__(self, engine: sa.Engine, quiet_period: float) -> None:
        self.clock = FakeClock(EPOCH)
        self.starter = RecordingStarter()
        self.index = StudyIndex(engine)
        self.associations = OpenAssociations()
        ae_titles = AeTitleStore(engine)
        ae_titles.put(an_entity("CR1", quiet_period=quiet_period), actor="test", at=EPOCH)
        self.completion = Completion(
            index=self.index,
            results=Hotbase(engine),
            ae_titles=ae_titles,
            is_carried=self.associations.carries,
            patience=30.0,
            clock=self.clock,
            announced=AnnouncementStore(engine).announced,
        )
        self.completion.start_with(self.starter)
        self.reception = Reception(
            index=self.index, associations=self.associations, completion=self.completion
        )

    def receive(self, association: str, uid: str) -> None:
        self.associations.opened(association)
        instance = an_instance(uid, received_at=self.clock())
        self.reception.received([(association, instance)])


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    return Desk(engine, quiet_period=2.0)


def test_an_open_association_keeps_a_study_open(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.clock.advance(10)
    assert desk.completion.claim(STUDY, "w") is None
    assert desk.starter.awaited == []


def test_the_end_of_the_association_starts_the_quiet_period(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    assert desk.starter.awaited == [(STUDY, 2.0)]
    assert desk.completion.claim(STUDY, "w") is None
    desk.clock.advance(2)
    assert desk.completion.claim(STUDY, "w") is not None


def test_a_quiet_period_of_nothing_starts_at_once(engine: sa.Engine) -> None:
    desk = Desk(engine, quiet_period=0)
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    assert desk.starter.started == [STUDY]
    assert desk.completion.claim(STUDY, "w") is not None


def test_a_study_waits_for_its_last_association(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.receive("a2", "1.2")
    desk.reception.ended([released("a1")])
    assert desk.starter.awaited == []
    desk.reception.ended([released("a2")])
    assert desk.starter.awaited == [(STUDY, 2.0)]


def test_an_image_within_the_quiet_period_makes_the_study_wait_again(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.advance(1)
    desk.receive("a2", "1.2")
    desk.clock.advance(1)
    assert desk.completion.claim(STUDY, "w") is None
    desk.reception.ended([released("a2")])
    desk.clock.advance(1)
    study = desk.completion.claim(STUDY, "w")
    assert study is not None
    assert study.sop_instance_uids == ("1.1", "1.2")


def test_an_association_that_is_kept_open_is_not_waited_for_for_ever(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.clock.advance(31.9)
    assert desk.completion.sweep() == 0
    desk.clock.advance(0.1)
    assert desk.completion.sweep() == 1
    assert desk.starter.started == [STUDY]
    assert desk.completion.claim(STUDY, "w") is not None


def test_a_sweep_asks_nothing_about_what_has_only_come(desk: Desk, engine: sa.Engine) -> None:
    desk.receive("a1", "1.1")
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        asked.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    assert desk.completion.sweep() == 0
    fresh = len(asked)
    desk.clock.advance(31.9)
    assert desk.completion.sweep() == 0
    sa.event.remove(engine, "before_cursor_execute", note)
    assert len(asked) - fresh > fresh  # now its sender and what was announced of it count


def test_an_unknown_sender_has_no_quiet_period(engine: sa.Engine) -> None:
    desk = Desk(engine, quiet_period=5)
    instance = an_instance("1.1", calling_ae="REMOVED", received_at=EPOCH)
    desk.associations.opened("a1")
    desk.reception.received([("a1", instance)])
    desk.reception.ended([released("a1")])
    assert desk.starter.started == [STUDY]


def test_an_association_that_brought_nothing_ends_quietly(desk: Desk) -> None:
    desk.associations.opened("a1")
    desk.reception.ended([released("a1"), released("never opened")])
    assert desk.starter.awaited == desk.starter.started == []


def test_reconciling_indexes_what_only_the_archive_knows(desk: Desk) -> None:
    stored = [an_instance("1.1", received_at=EPOCH), an_instance("1.2", received_at=EPOCH)]
    desk.index.record(stored[:1])
    assert desk.reception.reconcile(stored) == 1
    assert desk.index.study(STUDY).instance_count == 2
    assert desk.starter.awaited == [(STUDY, 2.0)]
    assert desk.reception.reconcile(stored) == 0


def test_an_analysis_that_broke_leaves_a_failed_study(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.now += timedelta(seconds=5)
    desk.completion.claim(STUDY, "w")
    desk.completion.abandon(STUDY, "w", "internal error: MemoryError")
    study = desk.index.study(STUDY)
    assert (study.state, study.reason) == (StudyState.FAILED, "internal error: MemoryError")


def test_an_analysis_that_broke_leaves_later_images_alone(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.advance(5)
    desk.completion.claim(STUDY, "w")
    desk.receive("a2", "1.2")
    desk.completion.abandon(STUDY, "w", "internal error: MemoryError")
    study = desk.index.study(STUDY)
    assert (study.state, study.revision) == (StudyState.RECEIVING, 1)
    desk.reception.ended([released("a2")])
    assert desk.starter.awaited[-1] == (STUDY, 2.0)
    desk.clock.advance(2)
    claimed = desk.completion.claim(STUDY, "w2")
    assert claimed is not None
    assert (claimed.revision, claimed.sop_instance_uids) == (2, ("1.1", "1.2"))


@pytest.mark.parametrize("end", BROKEN_OFF, ids=lambda each: each.value)
def test_an_interrupted_study_waits_for_the_senders_retry(desk: Desk, end: AssociationEnd) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([ended("a1", end)])
    assert desk.starter.awaited == [(STUDY, 600.0)]
    desk.clock.advance(599)
    assert desk.completion.claim(STUDY, "w") is None
    assert desk.completion.sweep() == 0
    desk.clock.advance(1)
    study = desk.completion.claim(STUDY, "w")
    assert study is not None
    assert study.interruption is end


def test_a_retry_that_finishes_makes_the_study_whole(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([ended("a1", AssociationEnd.ABORTED)])
    desk.clock.advance(60)
    desk.receive("a2", "1.1")
    desk.receive("a2", "1.2")
    desk.reception.ended([released("a2")])
    assert desk.starter.awaited[-1] == (STUDY, 2.0)
    desk.clock.advance(2)
    study = desk.completion.claim(STUDY, "w")
    assert study is not None
    assert study.interruption is None


def test_another_sender_does_not_finish_what_the_first_had_to_bring(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([ended("a1", AssociationEnd.CONNECTION_LOST)])
    desk.receive("a2", "1.2")
    desk.reception.ended([ended("a2", AssociationEnd.RELEASED, calling_ae="CR2")])
    assert desk.index.study(STUDY).interruption is AssociationEnd.CONNECTION_LOST
    desk.clock.advance(2)
    assert desk.completion.claim(STUDY, "w") is None


def test_of_two_senders_that_broke_off_one_alone_does_not_finish_the_study(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([ended("a1", AssociationEnd.ABORTED)])
    desk.receive("b1", "1.2")
    desk.reception.ended([ended("b1", AssociationEnd.TIMED_OUT, calling_ae="CR2")])
    desk.receive("b2", "1.2")
    desk.reception.ended([ended("b2", AssociationEnd.RELEASED, calling_ae="CR2")])
    assert desk.index.study(STUDY).interruption is not None
    desk.clock.advance(600)
    study = desk.completion.claim(STUDY, "w")
    assert study is not None
    assert study.interruption is not None


@pytest.mark.parametrize("at_once", [False, True])
def test_a_transfer_beside_one_that_broke_off_is_no_retry(desk: Desk, at_once: bool) -> None:
    desk.receive("a1", "1.1")
    desk.receive("a2", "1.2")
    ends = [ended("a1", AssociationEnd.ABORTED), released("a2")]
    for batch in [ends] if at_once else [[each] for each in ends]:
        desk.reception.ended(batch)
    assert desk.index.study(STUDY).interruption is AssociationEnd.ABORTED
    desk.receive("a3", "1.3")
    desk.reception.ended([released("a3")])
    assert desk.index.study(STUDY).interruption is None


def test_a_late_retry_after_the_patience_opens_the_study_again_and_clears_it(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([ended("a1", AssociationEnd.TIMED_OUT)])
    desk.clock.advance(600)
    assert desk.completion.claim(STUDY, "w1") is not None
    desk.receive("a2", "1.2")
    desk.reception.ended([released("a2")])
    desk.clock.advance(2)
    study = desk.completion.claim(STUDY, "w2")
    assert study is not None
    assert (study.revision, study.interruption) == (2, None)


def test_a_new_study_whose_transfer_nobody_saw_end_was_interrupted(desk: Desk) -> None:
    """The node was killed while it received, and has forgotten its associations."""
    desk.reception.received([("a1", an_instance("1.1", received_at=EPOCH))])
    desk.associations.closed("a1")
    desk.clock.advance(32)
    assert desk.completion.sweep() == 1
    assert desk.starter.started == []
    assert desk.index.study(STUDY).interruption is AssociationEnd.NODE_STOPPED
    desk.clock.advance(600)
    assert desk.completion.sweep() == 1
    assert desk.starter.started == [STUDY]


class SlowStarter(RecordingStarter):
    """Starting each analysis takes a minute, and the sweep runs meanwhile."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.interrupted = list[AssociationEnd | None]()

    def analyse_when_quiet(self, study_instance_uid: str, seconds: float) -> str:
        self._desk.clock.advance(60)
        self._desk.completion.sweep()
        self.interrupted += [each.interruption for each in self._desk.index.receiving()]
        return super().analyse_when_quiet(study_instance_uid, seconds)


def test_no_study_of_a_released_association_was_interrupted_however_long_starting_takes(
    desk: Desk,
) -> None:
    starter = SlowStarter(desk)
    desk.completion.start_with(starter)
    desk.associations.opened("a1")
    studies = [f"{STUDY}.{number}" for number in range(3)]
    for study in studies:
        uids = {"study_instance_uid": study, "series_instance_uid": f"{study}.1"}
        instance = an_instance(f"{study}.1.1", received_at=desk.clock(), **uids)
        desk.reception.received([("a1", instance)])
    desk.reception.ended([released("a1")])
    assert [study for study, _ in starter.awaited] == studies
    assert set(starter.interrupted) == {None}


def test_a_study_that_waits_in_a_backlog_was_not_interrupted(desk: Desk) -> None:
    """Its transfer was seen to end: that its turn comes late is no fault of the sender's."""
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.advance(3600)
    assert desk.completion.sweep() == 0
    assert desk.index.study(STUDY).interruption is None
    study = desk.completion.claim(STUDY, "w")
    assert study is not None
    assert study.interruption is None


class SlowIndex(StudyIndex):
    """A sweep runs each time that a study is about to be claimed, and after it was listed."""

    sweep: Callable[[], int] = staticmethod(int)
    claim_now: Callable[[], object] = staticmethod(int)

    def claim(self, study_instance_uid: str, *, by: str, at: datetime) -> StoredStudy | None:
        self.sweep()
        return super().claim(study_instance_uid, by=by, at=at)

    def receiving(self, limit: int = 1000) -> tuple[StudyRecord, ...]:
        found = super().receiving(limit)
        self.claim_now()
        return found


@pytest.fixture
def slow_index(desk: Desk, engine: sa.Engine) -> SlowIndex:
    index = SlowIndex(engine)
    desk.completion._index = index
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.advance(3600)
    return index


def test_a_study_that_is_swept_while_it_is_claimed_was_not_interrupted(
    desk: Desk, slow_index: SlowIndex
) -> None:
    """A claim waits for the database, and the sweep does not."""
    slow_index.sweep = desk.completion.sweep
    study = desk.completion.claim(STUDY, "w")
    assert study is not None
    assert study.interruption is None


def test_a_study_that_is_claimed_while_it_is_swept_was_not_interrupted(
    desk: Desk, slow_index: SlowIndex
) -> None:
    claimed = list[StoredStudy | None]()
    slow_index.claim_now = lambda: claimed.append(desk.completion.claim(STUDY, "w"))
    desk.completion.sweep()
    assert [each and each.revision for each in claimed] == [1]
    assert desk.index.study(STUDY).interruption is None


def a_step(*uids: str, state: PerformedState = PerformedState.IN_PROGRESS) -> PerformedStep:
    return PerformedStep(
        uid="7.1",
        state=state,
        reporter="CR1",
        studies=(STUDY,),
        reason="",
        instances=tuple(map(announced, uids)),
        attributes={},
    )


def announced(uid: str, series: str = f"{STUDY}.1") -> AnnouncedInstance:
    return AnnouncedInstance(
        study_instance_uid=STUDY,
        series_instance_uid=series,
        sop_class_uid="1.2",
        sop_instance_uid=uid,
    )


def test_a_step_in_progress_keeps_a_study_open_until_it_is_completed(
    desk: Desk, engine: sa.Engine
) -> None:
    store = AnnouncementStore(engine)
    store.begin(a_step(), at=EPOCH)
    desk.reception.reported([STUDY])  # before the first image: there is nothing to wait for
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    assert desk.starter.awaited == [(STUDY, 600.0)]
    assert desk.index.study(STUDY).waits_for.startswith("for its modality")
    desk.clock.advance(60)
    assert desk.completion.claim(STUDY, "w") is None

    store.change(a_step("1.1", state=PerformedState.COMPLETED), at=desk.clock())
    desk.reception.reported([STUDY])

    assert desk.starter.started == [STUDY]
    assert desk.completion.claim(STUDY, "w") is not None


def test_a_step_that_nobody_completes_is_waited_for_with_patience(
    desk: Desk, engine: sa.Engine
) -> None:
    AnnouncementStore(engine).begin(a_step(), at=EPOCH)
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.advance(600)
    assert desk.completion.claim(STUDY, "w") is not None


def test_what_was_completed_is_analysed_at_once_when_its_last_image_is_there(
    desk: Desk, engine: sa.Engine
) -> None:
    store = AnnouncementStore(engine)
    store.begin(a_step(), at=EPOCH)
    store.change(a_step("1.1", "1.2", state=PerformedState.COMPLETED), at=EPOCH)
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    assert desk.starter.awaited == [(STUDY, 600.0)]
    desk.receive("a2", "1.2")
    desk.reception.ended([released("a2")])
    assert desk.starter.started == [STUDY]
    assert desk.completion.claim(STUDY, "w") is not None


def test_series_of_which_nothing_came_are_not_waited_for(desk: Desk, engine: sa.Engine) -> None:
    """Who sends the node one series of an examination reports all of them."""
    told = Availability(
        uid="7.2",
        reporter="PACS",
        study_instance_uid=STUDY,
        instances=(announced("1.1"), announced("2.1", f"{STUDY}.2")),
    )
    AnnouncementStore(engine).available(told, at=EPOCH)
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    assert desk.starter.awaited == [(STUDY, 2.0)]
    desk.clock.advance(2)
    assert desk.completion.claim(STUDY, "w") is not None


@pytest.mark.parametrize(("seconds", "is_claimed"), [(1.6, True), (1.4, False)])
def test_clocks_that_differ_a_little_do_not_leave_a_study_to_the_next_sweep(
    desk: Desk, seconds: float, is_claimed: bool
) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.advance(seconds)
    assert (desk.completion.claim(STUDY, "w") is not None) is is_claimed


def test_a_clock_that_is_put_back_four_days_strands_no_study(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.reception.ended([released("a1")])
    desk.clock.advance(-4 * 86400)
    desk.completion.sweep()
    assert desk.starter.awaited == [(STUDY, 2.0), (STUDY, 2.0)]
    assert desk.completion.claim(STUDY, "w") is None
    desk.clock.advance(2)
    assert desk.completion.claim(STUDY, "w") is not None


def test_a_clock_that_is_put_back_ends_no_transfer(desk: Desk) -> None:
    desk.receive("a1", "1.1")
    desk.clock.advance(-4 * 86400)
    desk.completion.sweep()
    assert desk.starter.awaited == []
    desk.reception.ended([released("a1")])
    assert desk.starter.awaited == [(STUDY, 2.0)]


def test_a_study_whose_analysis_could_not_be_started_is_left_to_the_sweep(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_starter: RecordingStarter, _study: str, _seconds: float) -> str:
        raise sa.exc.OperationalError("INSERT", {}, Exception("the server is gone"))

    desk.receive("a1", "1.1")
    desk.associations.closed("a1")
    desk.index.interrupted(STUDY, AssociationEnd.CONNECTION_LOST, sender="CR1")
    with monkeypatch.context() as outage:
        outage.setattr(RecordingStarter, "analyse_when_quiet", away)
        with pytest.raises(sa.exc.OperationalError):
            desk.completion.expect(STUDY)
    desk.clock.advance(700)
    assert desk.completion.sweep() == 1
    assert desk.starter.started == [STUDY]
