"""From the receivers' events to the index, also when the database is away."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.study import StudyState
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    InstanceReceived,
)
from dicom_node.node.reception import ReceptionDesk
from dicom_node.persistence.corridor.tables import INSTANCES
from dicom_node.workflow.testing.fakes import RecordingStarter
from tests.unit.builders import STUDY, an_instance
from tests.unit.workflow.test_complete import Desk, ended, released

AT = datetime(2026, 1, 1, tzinfo=UTC)
OPENED = AssociationOpened(
    association_id="a1", calling_ae="CR1", called_ae="AINODE", peer_address="127.0.0.1", at=AT
)
RECEIVED = InstanceReceived(association_id="a1", instance=an_instance("1.1"), duplicate=False)
CLOSED = AssociationClosed(ended=released("a1"))


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> tuple[Desk, ReceptionDesk]:
    del tmp_path
    desk = Desk(engine, quiet_period=0)
    reception = ReceptionDesk(
        reception=desk.reception,
        associations=desk.associations,
        stored=lambda: [an_instance("1.1")],
    )
    return desk, reception


def test_a_whole_association_in_one_batch_is_indexed_and_checked(
    works: tuple[Desk, ReceptionDesk],
) -> None:
    desk, reception = works
    reception.handle([OPENED, RECEIVED, CLOSED])
    assert desk.index.study(STUDY).state is StudyState.RECEIVING
    assert desk.starter.started == [STUDY]


def test_nothing_is_lost_while_the_database_is_away(
    works: tuple[Desk, ReceptionDesk], engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    desk, reception = works
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {INSTANCES.name} RENAME TO away"))
    reception.handle([OPENED, RECEIVED, CLOSED])
    assert "they will be indexed later" in caplog.text
    reception.catch_up()
    assert "still cannot be written" in caplog.text
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE away RENAME TO {INSTANCES.name}"))
    reception.catch_up()
    assert desk.index.study(STUDY).instance_count == 1
    assert set(desk.starter.started) == {STUDY}
    assert len(desk.associations) == 0
    assert not desk.associations.carries(STUDY), "it would be waited for as if more might come"


def test_a_study_that_could_not_be_handed_on_is_not_taken_for_one_that_broke_off(
    works: tuple[Desk, ReceptionDesk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, reception = works

    def away(_starter: RecordingStarter, _study: str) -> str:
        raise sa.exc.OperationalError("INSERT", {}, Exception("the server is gone"))

    with monkeypatch.context() as outage:
        outage.setattr(RecordingStarter, "analyse_now", away)
        reception.handle([OPENED, RECEIVED, CLOSED])
    assert desk.starter.started == []
    reception.catch_up()
    assert desk.starter.started == [STUDY]
    reception.catch_up()
    assert desk.starter.started == [STUDY]


@pytest.mark.parametrize("is_back", [False, True])
def test_a_transfer_that_broke_off_while_the_database_was_away_is_known_as_such(
    works: tuple[Desk, ReceptionDesk], engine: sa.Engine, is_back: bool
) -> None:
    desk, reception = works
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {INSTANCES.name} RENAME TO away"))
    broken_off = AssociationClosed(ended=ended("a1", AssociationEnd.ABORTED))
    reception.handle([OPENED, RECEIVED] if is_back else [OPENED, RECEIVED, broken_off])
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE away RENAME TO {INSTANCES.name}"))
    if is_back:
        reception.handle([broken_off])
    reception.catch_up()
    assert desk.index.study(STUDY).interruption is AssociationEnd.ABORTED


def test_who_asks_again_hears_that_the_index_cannot_be_written(
    works: tuple[Desk, ReceptionDesk], engine: sa.Engine
) -> None:
    desk, reception = works
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE {INSTANCES.name} RENAME TO away"))
    with pytest.raises(sa.exc.SQLAlchemyError):
        reception.take_in([an_instance("1.1")])
    with engine.begin() as connection:
        connection.execute(sa.text(f"ALTER TABLE away RENAME TO {INSTANCES.name}"))
    reception.take_in([an_instance("1.1")])
    assert desk.index.study(STUDY).instance_count == 1


def test_catching_up_costs_nothing_when_nothing_is_missing(
    works: tuple[Desk, ReceptionDesk],
) -> None:
    desk, reception = works
    reception.catch_up()
    assert desk.index.counts() == {}
    reception.catch_up_with([an_instance("1.1")])
    assert desk.index.counts() == {StudyState.RECEIVING: 1}


def test_a_study_of_nothing_but_conflicts_disturbs_no_other_of_its_batch(
    works: tuple[Desk, ReceptionDesk], caplog: pytest.LogCaptureFixture
) -> None:
    desk, reception = works
    reception.handle([OPENED, RECEIVED, CLOSED])
    # The same object, corrected and put into a new study; the other one's UID sorts behind it.
    moved = an_instance("1.1", study_instance_uid="1.1.1", digest="other", path="moved.dcm")
    other = an_instance("1.2", study_instance_uid="1.2.2")
    reception.handle(
        [
            *(replace(OPENED, association_id=each) for each in ("a2", "a3")),
            InstanceReceived(association_id="a2", instance=moved, duplicate=False),
            InstanceReceived(association_id="a3", instance=other, duplicate=False),
            *(AssociationClosed(ended=released(each)) for each in ("a2", "a3")),
        ]
    )
    assert desk.starter.started == [STUDY, "1.2.2"]
    assert "nothing to analyse study=1.1.1" in caplog.text
    assert len(desk.associations) == 0
