"""Who wants to be informed is told of each result that a destination has, once, and in order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.application_entity import Role
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.job import JobState
from dicom_node.node.clock import utc_now
from dicom_node.node.messages import Messages
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.message_tables import PEER_MESSAGES
from dicom_node.persistence.corridor.messages import MessageState
from dicom_node.persistence.corridor.tables import DELIVERIES, SUBSTITUTES
from tests.peers.informed import Ear, listening
from tests.peers.process import free_port
from tests.unit.builders import EPOCH, an_entity, an_instance
from tests.unit.persistence.test_hotbase import JOB
from tests.unit.persistence.test_retention import REPORT

CONFIG = Path(__file__).parents[3] / "config"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node's databases, and what tells others."""

    repositories: Repositories
    messages: Messages

    def administer(self, title: str, port: int) -> None:
        entity = an_entity(title, host="127.0.0.1", port=port, roles=frozenset({Role.INFORMED}))
        self.repositories.ae_titles.put(entity, actor="t", at=EPOCH)

    def deliver(self, number: int, *, at: datetime) -> str:
        """Have a result delivered; return the UID of its report."""
        study, uid = f"1.2.{number}", f"9.{number}"
        self.repositories.index.record(
            [an_instance(f"{study}.1", study_instance_uid=study, path=f"p/{number}")]
        )
        job = replace(JOB, job_id=str(number).ljust(32, "x"), study_instance_uid=study)
        hotbase = self.repositories.hotbase
        hotbase.add_job(job, at=at)
        hotbase.finish_job(job.job_id, JobState.DONE, at=at)
        hotbase.keep_evidence([replace(REPORT, job_id=job.job_id, sop_instance_uid=uid)])
        with self.repositories.engine.begin() as connection:
            connection.execute(
                sa.insert(DELIVERIES).values(
                    delivery_id=f"d{number}", job_id=job.job_id, destination="PACS",
                    state=DeliveryState.DELIVERED, attempts=1, created_at=at, delivered_at=at,
                    last_error="", stored=[uid],
                )
            )  # fmt: skip
        return uid

    def make_due(self) -> None:
        with self.repositories.engine.begin() as connection:
            connection.execute(sa.update(PEER_MESSAGES).values(not_before=None))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    settings: NodeSettings = load_settings(CONFIG).model_copy(
        update={"data_dir": tmp_path / "data"}
    )
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    yield Site(repositories=repositories, messages=Messages(settings, repositories))
    repositories.close()


def test_a_result_is_told_of_when_it_is_delivered_and_not_twice(site: Site) -> None:
    ear, now = Ear(), utc_now()
    uid = site.deliver(1, at=now)
    with listening(ear, "RIS") as port:
        site.administer("RIS", port)
        site.messages.sweep()
        site.messages.sweep()
    (told,) = ear.told
    assert told.dataset.StudyInstanceUID == "1.2.1"
    assert told.dataset.ReferencedPerformedProcedureStepSequence == []
    (series,) = told.dataset.ReferencedSeriesSequence
    (item,) = series.ReferencedSOPSequence
    assert (item.ReferencedSOPInstanceUID, item.InstanceAvailability) == (uid, "ONLINE")
    assert (item.RetrieveAETitle, series.SeriesInstanceUID) == ("PACS", "9.3")


def test_what_a_destination_got_instead_is_named_as_it_got_it(site: Site) -> None:
    ear, now = Ear(), utc_now()
    site.deliver(1, at=now)
    with site.repositories.engine.begin() as connection:
        connection.execute(
            sa.insert(SUBSTITUTES).values(
                destination="PACS", sent_instance_uid="9.8", sop_instance_uid="9.1",
                job_id="1".ljust(32, "x"), sent_class_uid="1.88", sent_series_uid="9.3.8",
                path="x", reason="", made_at=now,
            )
        )  # fmt: skip
        connection.execute(sa.update(DELIVERIES).values(stored=["9.8"]))
    with listening(ear, "RIS") as port:
        site.administer("RIS", port)
        site.messages.sweep()
    (series,) = ear.told[0].dataset.ReferencedSeriesSequence
    assert (series.SeriesInstanceUID, series.ReferencedSOPSequence[0].ReferencedSOPClassUID) == (
        "9.3.8", "1.88"
    )  # fmt: skip


def test_who_is_away_is_told_later_in_order_and_who_offers_nothing_is_no_harm(site: Site) -> None:
    ear, port = Ear(), free_port()
    site.administer("RIS", port)
    uids = [site.deliver(number, at=utc_now()) for number in (1, 2)]
    site.messages.sweep()
    assert site.repositories.messages.counts() == {MessageState.OPEN: 2}
    site.messages.sweep()  # it is left alone for a while
    site.make_due()
    with listening(ear, "RIS", port=port):
        site.messages.sweep()
    told = [
        each.dataset.ReferencedSeriesSequence[0].ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for each in ear.told
    ]
    assert told == uids
    assert site.repositories.messages.counts() == {MessageState.TAKEN: 2}


def test_a_refusal_is_final_and_says_so(site: Site) -> None:
    ear = Ear(status=0x0110)
    site.deliver(1, at=utc_now())
    with listening(ear, "RIS") as port:
        site.administer("RIS", port)
        site.messages.sweep()
    assert site.repositories.messages.counts() == {MessageState.GIVEN_UP: 1}
    with site.repositories.engine.connect() as connection:
        (words,) = connection.scalars(sa.select(PEER_MESSAGES.c.last_error))
    assert words == "RIS answered 0x0110"


def test_nobody_of_the_nodes_own_title_is_told_and_others_are(site: Site) -> None:
    """Another node may have it by mistake: what it was told would be of its own retrieval."""
    own = site.repositories.settings.network.ae_title
    ear = Ear()
    with listening(ear, "RIS") as port:
        site.administer(own, port)
        site.administer("RIS", port)
        site.deliver(1, at=utc_now())
        site.messages.sweep()
        ear.wait_for(1)
    assert site.repositories.messages.counts() == {MessageState.OPEN: 1, MessageState.TAKEN: 1}
    left = sa.select(PEER_MESSAGES.c.last_error).where(PEER_MESSAGES.c.receiver == own)
    with site.repositories.engine.connect() as connection:
        (words,) = connection.scalars(left)
    assert "this node itself" in words
