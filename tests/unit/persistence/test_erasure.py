"""Nothing is left of what was erased, and nothing else goes with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.commitment import CommitmentRequest, Reference
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.peer_message import Channel, MessageKind, PeerMessage
from dicom_node.domain.performed_step import (
    AnnouncedInstance,
    PerformedState,
    PerformedStep,
)
from dicom_node.domain.procedure_step import StepState
from dicom_node.domain.study import StudyState
from dicom_node.domain.taken_step import TakenState, TakenStep
from dicom_node.domain.wanted_study import WantedStudy
from dicom_node.node.erasing import Erasing
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor import erasure
from dicom_node.persistence.corridor.tables import AUDIT, DELIVERIES, STUDIES
from dicom_node.persistence.schema import HOTBASE
from dicom_node.persistence.warehouse import erasure as warehouse_erasure
from dicom_node.persistence.warehouse.tables import (
    DEVICES,
    IMAGES,
    PATIENT_PARTS,
    RECORDS,
    SUPERSEDED_RECORDS,
    TRUTHS,
    WAREHOUSE,
)
from dicom_node.ups.ports import StepStanding
from dicom_node.ups.subscriptions import Receiver, Subscription
from tests.schema import give_schemas
from tests.unit.builders import EPOCH, a_described_instance
from tests.unit.persistence.test_retention import House

_ERASED = {
    *erasure.OF_JOBS,
    *erasure.OF_ITEMS,
    *erasure.OF_IMAGES,
    *erasure.OF_STUDIES,
}
_NAMES_A_STUDY = {"study_instance_uid", "job_id", "item_id", "sop_instance_uid"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node's repositories with two settled studies, and what erases them."""

    repositories: Repositories
    house: House
    erasing: Erasing

    def rows(self, table: sa.Table) -> int:
        """Count the rows of a table of either database."""
        of_warehouse = table.metadata is WAREHOUSE
        engine = self.repositories.warehouse_engine if of_warehouse else self.repositories.engine
        with engine.connect() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.fixture
def site(engine: sa.Engine, tmp_path: Path) -> Iterator[Site]:
    url = engine.url.render_as_string(hide_password=False)
    data = tmp_path / "data"
    repositories = Repositories(
        NodeSettings.model_validate({"data_dir": data, "database": {"url": url}})
    )
    give_schemas(repositories)
    house = House(engine, data / "archive")
    for study in ("1.1", "1.2"):
        house.settle(study)
        wanted = Reference(sop_class_uid="1.2", sop_instance_uid=f"{study}.1.1")
        request = CommitmentRequest(transaction_uid=f"7.{study}", references=(wanted,))
        repositories.commitment_requests.record(request, requestor="CR1", at=EPOCH)
        _report(repositories, study)
        _validate(repositories, study)
    yield Site(repositories=repositories, house=house, erasing=Erasing(repositories))
    repositories.close()


def _report(repositories: Repositories, study: str) -> None:
    """Have a modality report the step that made the study."""
    announced = AnnouncedInstance(
        study_instance_uid=study,
        series_instance_uid=f"{study}.1",
        sop_class_uid="1.2",
        sop_instance_uid=f"{study}.1.1",
    )
    step = PerformedStep(
        uid=f"8.{study}",
        state=PerformedState.IN_PROGRESS,
        reporter="CR1",
        studies=(study,),
        reason="",
        instances=(announced,),
        attributes={},
    )
    repositories.announcements.begin(step, at=EPOCH)
    told = PeerMessage(
        receiver="RIS",
        kind=MessageKind.AVAILABILITY,
        sop_instance_uid=f"8.{study}",
        attributes={},
        study_instance_uid=study,
        made_at=EPOCH,
    )
    repositories.messages.add([told])
    repositories.orders.keep(study, None, at=EPOCH)
    wanted = WantedStudy(study_instance_uid=study, archive="PACS", sender="WS1")
    repositories.wanted.want(wanted, at=EPOCH)
    taken = TakenStep(
        uid=f"9.{study}",
        manager="TASKS",
        transaction_uid="1.2",
        state=TakenState.ANALYSING,
        taken_at=EPOCH,
        study_instance_uid=study,
    )
    repositories.taken.keep(taken)
    receiver = Receiver(title="WS1", channel=Channel.DIMSE)
    subscription = Subscription(receiver=receiver, scope=f"8.{study}", study_instance_uid=study)
    repositories.subscriptions.put(subscription)
    standing = StepStanding(uid=f"8.{study}", study_instance_uid=study, state=StepState.SCHEDULED)
    repositories.subscriptions.tell([standing])


def _validate(repositories: Repositories, study: str) -> None:
    """File a record with one image of one patient in the Warehouse."""
    path = repositories.settings.warehouse_dir / f"{study}.dcm"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"validated")
    record = study.ljust(32, "r")
    values = {
        DEVICES: {
            "device_id": "device", "calling_ae": "CR1", "manufacturer": "", "model_name": "",
            "serial_number": "",
        },
        RECORDS: {
            "record_id": record, "device_id": "device", "study_instance_uid": study,
            "model_name": "m", "model_version": "1", "weights_digest": "d", "ai_report_uid": "9",
            "verdict_object_uid": "9", "verification": "verified", "decided_at": EPOCH,
            "filed_at": EPOCH, "body": {},
        },
        IMAGES: {
            "record_id": record, "sop_instance_uid": f"{study}.1.1", "path": f"{study}.dcm",
            "archived_path": "", "digest": "d",
        },
        TRUTHS: {
            "record_id": record, "position": 0, "device_id": "device", "model_name": "m",
            "model_version": "1", "weights_digest": "d", "patient_key": f"patient of {study}",
            "sop_instance_uid": f"{study}.1.1", "label": "abnormal", "value": True,
            "source": "verdict", "weight": 1.0, "decided_at": EPOCH,
        },
        SUPERSEDED_RECORDS: {
            "record_id": record, "decided_at": EPOCH, "study_instance_uid": study,
            "superseded_at": EPOCH, "superseded_by": "ada", "reason": "wrong",
            "body": {"patient_key": f"patient of {study}", "images": [{"path": f"{study}.dcm"}]},
        },
        PATIENT_PARTS: {
            "patient_key": f"patient of {study}", "part": "train", "assigned_at": EPOCH,
        },
    }  # fmt: skip
    with repositories.warehouse_engine.begin() as connection:
        for table, row in values.items():
            if table is not DEVICES or not connection.scalar(sa.select(DEVICES.c.device_id)):
                connection.execute(sa.insert(table).values(**row))


def test_no_table_that_names_a_study_is_forgotten() -> None:
    naming = {table for table in HOTBASE.tables.values() if _NAMES_A_STUDY & set(table.c.keys())}

    assert naming == _ERASED


def test_no_table_of_the_warehouse_that_names_an_image_is_forgotten() -> None:
    naming = {table for table in WAREHOUSE.tables.values() if "record_id" in table.c}

    assert naming == {*warehouse_erasure.OF_RECORDS, RECORDS, SUPERSEDED_RECORDS}


@pytest.mark.slow
def test_a_study_is_erased_whole_and_the_other_stays(site: Site) -> None:
    data = site.repositories.settings.data_dir
    (held,) = site.erasing.held(["1.1"])
    assert (held.images, held.results, held.validated) == (2, 1, 1)
    before = {
        table: site.rows(table) for table in (*_ERASED, RECORDS, IMAGES, TRUTHS, PATIENT_PARTS)
    }

    site.erasing.erase([held], actor="ada", why="request", at=EPOCH)

    after = {table: site.rows(table) for table in before}
    assert after == {table: count // 2 for table, count in before.items()}
    assert not any((data / path).exists() for path in held.files)
    (other,) = site.erasing.held(["1.2"])
    assert all((data / path).exists() for path in other.files if "evidence" not in path)
    assert site.erasing.held(["1.1"]) == ()


@pytest.mark.slow
def test_who_erased_what_and_why_stays(site: Site) -> None:
    site.erasing.erase(site.erasing.held(["1.1"]), actor="ada", why="request", at=EPOCH)

    with site.repositories.engine.connect() as connection:
        (row,) = connection.execute(sa.select(AUDIT)).mappings()
    assert (row["actor"], row["action"], row["subject"]) == ("ada", "study erased", "1.1")
    assert row["detail"]["why"] == "request"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "state"),
    [
        (STUDIES, StudyState.RECEIVING),
        (STUDIES, StudyState.COMPLETE),
        (DELIVERIES, DeliveryState.RETRYING),
    ],
)
def test_a_study_that_is_worked_on_is_said_to_be(
    site: Site, table: sa.Table, state: StudyState
) -> None:
    with site.repositories.engine.begin() as connection:
        connection.execute(sa.update(table).values(state=state))

    assert [each.busy for each in site.erasing.held(["1.1", "1.2"])] == [True, True]


@pytest.mark.slow
def test_an_erasure_that_broke_off_is_finished_by_asking_again(site: Site) -> None:
    (held,) = site.erasing.held(["1.1"])
    store = erasure.ErasureStore(site.repositories.engine)
    store.erase("1.1", held.files, actor="ada", why="request", at=EPOCH)

    (left,) = site.erasing.held(["1.1"])
    site.erasing.erase([left], actor="ada", why="request", at=EPOCH)

    assert left.validated == 1
    assert site.erasing.held(["1.1"]) == ()
    assert not any((site.repositories.settings.data_dir / path).exists() for path in held.files)


@pytest.mark.slow
def test_a_patient_s_studies_are_found_by_the_patient_id(site: Site) -> None:
    site.repositories.index.record([a_described_instance(PatientID="4711")])

    assert site.erasing.studies_of("4711") == ("1.2.1",)
    assert site.erasing.studies_of("471") == ()
