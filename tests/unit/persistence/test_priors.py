"""Priors are kept apart from what is analysed, and go like anything else."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.prior import Prior, PriorState
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.erasure import ErasureStore
from dicom_node.persistence.corridor.priors import PriorStore
from dicom_node.persistence.corridor.retrievals import RetrievalStore
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.persistence.review.tables import REVIEW_ITEMS
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.unit.builders import EPOCH, a_described_instance
from tests.unit.persistence.test_retention import House

pytestmark = pytest.mark.slow

PRIOR_OF_IT = Prior(
    study_instance_uid="1.1",
    prior_study_uid="1.2",
    archive="PACS",
    study_date="20250105",
    state=PriorState.HELD,
    listed=1,
    held=1,
)


@pytest.fixture
def house(engine: sa.Engine, tmp_path: Path) -> House:
    """A study that an expert is asked about, with a prior from the PACS."""
    made = House(engine, tmp_path / "archive")
    made.settle("1.1", days=30)
    retrievals = RetrievalStore(engine)
    retrievals.begin("1.2", "PACS", Purpose.PRIOR, at=EPOCH)
    image = a_described_instance("1.2.1.1", study="1.2", series="1.2.1", PatientID="P1")
    made.index.record([replace(image, calling_ae="PACS")])
    retrievals.end("1.2", "PACS", Purpose.PRIOR, until=EPOCH + timedelta(seconds=1))
    PriorStore(engine).keep(PRIOR_OF_IT)
    return made


def _ask(house: House) -> None:
    details = fake_details()
    queue = HotbaseReviewQueue(
        house.engine,
        images=lambda _: (),
        clock=lambda: EPOCH,
        lease=timedelta(minutes=1),
        on_decided=lambda _: None,
    )
    queue.add(replace(details.item, study_instance_uid="1.1"), details.findings)


def test_a_prior_goes_by_age_once_nobody_reads_the_study_beside_it(house: House) -> None:
    _ask(house)
    assert house.retention().run().instances == 0
    with house.engine.begin() as connection:
        closed = {"state": ReviewState.SUPERSEDED, "is_open": False}
        connection.execute(sa.update(REVIEW_ITEMS).values(**closed))
    (removed,) = house.retention().run().by_age
    assert (removed.study_instance_uid, removed.instances) == ("1.2", 1)


def test_a_prior_whose_transfer_breaks_off_is_no_study_that_lacks_images(house: House) -> None:
    house.index.interrupted("1.2", AssociationEnd.ABORTED, sender="PACS")
    assert house.index.study("1.2").interruption is None
    assert house.index.claim("1.2", by="workflow", at=EPOCH) is None


def test_a_prior_that_is_asked_for_is_analysed(house: House) -> None:
    assert house.index.reopen("1.2") == 1
    assert house.index.study("1.2").state is StudyState.RECEIVING


def test_an_image_from_the_archive_at_another_time_is_sent_by_it(house: House) -> None:
    late = replace(
        a_described_instance("1.2.1.2", study="1.2", series="1.2.1"),
        calling_ae="PACS",
        received_at=EPOCH + timedelta(hours=1),
    )
    assert house.index.record([late]) == {"1.2"}
    assert house.index.study("1.2").state is StudyState.RECEIVING


def test_images_that_repair_a_study_leave_it_its_sender(house: House) -> None:
    RetrievalStore(house.engine).begin("1.1", "PACS", Purpose.REPAIR, at=EPOCH)
    fetched = replace(
        a_described_instance("1.1.1.9", study="1.1", series="1.1.1"), calling_ae="PACS"
    )
    assert house.index.record([fetched]) == {"1.1"}
    assert house.index.study("1.1").sender == "CR1"


def test_an_erased_prior_is_nobody_s_any_more(house: House) -> None:
    erasing = ErasureStore(house.engine)
    assert erasing.of_patient("P1") == ("1.2",)
    erasing.erase("1.2", (), actor="ada", why="request", at=EPOCH)
    assert PriorStore(house.engine).of_study("1.1") == ()
    assert not house.index.knows("1.2")


def test_a_clock_that_is_put_back_four_days_strands_no_search(house: House) -> None:
    store = PriorStore(house.engine)
    store.want(["1.1"], "PACS", at=EPOCH)
    store.postpone("1.1", EPOCH + timedelta(minutes=10), reason="it is away")
    assert store.due(EPOCH) is None
    assert store.due(EPOCH - timedelta(days=4)) is not None


def test_that_a_prior_is_sent_again_survives_a_power_cut(house: House) -> None:
    """The archive has its objects since it was fetched: nothing there says that more was wanted."""
    if house.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL makes every commit durable")
    waited: list[int] = []

    def committing(connection: sa.Connection) -> None:
        waited.append(int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one()))

    sa.event.listen(house.engine, "commit", committing)
    again = a_described_instance("1.2.1.1", study="1.2", series="1.2.1", PatientID="P1")
    later = again.received_at + timedelta(days=3)
    house.index.record([replace(again, calling_ae="CT1", received_at=later)])
    assert house.index.study("1.2").state is StudyState.RECEIVING
    full, normal = 2, 1
    assert full in waited
    waited.clear()
    house.index.record([replace(again, calling_ae="CT1", received_at=later)])
    assert full not in waited and normal in waited
