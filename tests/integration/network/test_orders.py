"""Orders of images that name none, asked of a real worklist (DCMTK's wlmscpfs)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.dsutils import encode

from ai_engine.prediction import RemarkKind
from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.imaging_order import Match
from dicom_node.errors import NodeError
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.order_scu import WorklistScu
from dicom_node.node.ordering import orders_of
from dicom_node.node.repositories import Repositories
from dicom_node.ups.codes import MODALITY_WORKLIST
from dicom_node.workflow.analysis.orders import FindsOrders, order_remark
from tests.peers import dcmtk
from tests.peers.process import free_port
from tests.unit.builders import EPOCH, a_described_instance, an_entity

CONFIG = Path(__file__).parents[3] / "config"
STUDY = "1.2.826.0.1.3680043.9.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node that asks the worklist RIS, and the folder of what is scheduled there."""

    repositories: Repositories
    orders: FindsOrders
    files: Path

    def receive(self, study: str = STUDY, **attributes: Any) -> None:
        said = {"PatientID": "4711", "StudyDate": "20260101", "PatientBirthDate": "19700101"}
        instance = a_described_instance(
            f"{study}.1.1", study=study, series=f"{study}.1", **{**said, **attributes}
        )
        self.repositories.index.record([instance])

    def find(self, study: str = STUDY) -> Any:
        return self.orders.find(study, self.repositories.index.instances(study))

    def schedule(self, number: int, **changes: Any) -> None:
        """Schedule a procedure as a RIS does (PS3.4 Table K.6-1)."""
        step = Dataset()
        step.Modality = changes.pop("Modality", "DX")
        step.ScheduledStationAETitle = "CR1"
        step.ScheduledProcedureStepStartDate = changes.pop("StartDate", "20260101")
        step.ScheduledProcedureStepStartTime = "120000"
        step.ScheduledPerformingPhysicianName = ""
        step.ScheduledProcedureStepDescription = "Chest"
        step.ScheduledProcedureStepID = f"S{number}"
        item = Dataset()
        item.file_meta = FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = "1.2.276.0.7230010.3.1.0.1"
        item.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
        item.PatientName = "Doe^Jane"
        item.PatientID = "4711"
        item.PatientBirthDate = "19700101"
        item.AccessionNumber = f"A{number}"
        item.StudyInstanceUID = f"1.2.9.{number}"
        item.RequestedProcedureID = f"R{number}"
        item.RequestedProcedureDescription = "Chest PA"
        item.PlacerOrderNumberImagingServiceRequest = f"P{number}"
        item.ScheduledProcedureStepSequence = Sequence([step])
        for keyword, value in changes.items():
            setattr(item, keyword, value)
        item.save_as(self.files / f"{number}.wl", enforce_file_format=True)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    base = load_settings(CONFIG)
    settings: NodeSettings = base.model_copy(
        update={
            "data_dir": tmp_path / "data",
            "orders": base.orders.model_copy(update={"worklist": "RIS"}),
        }
    )
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    with dcmtk.wlmscpfs(tmp_path / "worklist") as (peer, files):
        entity = an_entity("RIS", host="127.0.0.1", port=peer.port)
        repositories.ae_titles.put(entity, actor="t", at=EPOCH)
        yield Site(repositories=repositories, orders=orders_of(settings, repositories), files=files)
    repositories.close()


def test_an_order_is_found_by_the_study_instance_uid(site: Site) -> None:
    site.schedule(1, StudyInstanceUID=STUDY)
    site.schedule(2)
    site.receive()
    order = site.find()
    assert order is not None
    assert (order.match, order.procedure.accession_number) == (Match.STUDY, "A1")
    assert order.procedure.requested_procedure_id == "R1"
    assert order.procedure.placer_order_number == "P1"
    assert site.orders.known(STUDY) == order
    header = Dataset()
    header.StudyInstanceUID = STUDY
    assert site.repositories.orders.amended(header).AccessionNumber == "A1"
    remark = order_remark(order, "1.2")
    assert remark.kind is RemarkKind.ORDER_FOUND
    assert "Accession number A1 and requested procedure R1" in remark.detail
    assert "worklist RIS, found by its Study Instance UID" in remark.detail


@pytest.mark.parametrize(
    ("second", "found"),
    [
        ({"StartDate": "20260102"}, "A1"),
        ({"Modality": "CT"}, "A1"),
        ({"PatientID": "4712"}, "A1"),
        ({"AccessionNumber": "A1"}, "A1"),  # two steps of one order
        ({}, None),  # either may be it
    ],
)
def test_an_order_is_found_by_patient_modality_and_day_where_it_is_the_only_one(
    site: Site, second: dict[str, Any], found: str | None
) -> None:
    site.schedule(1)
    site.schedule(2, **second)
    site.receive()
    order = site.find()
    assert (order.procedure.accession_number if order else None) == found


@pytest.mark.parametrize(
    "said",
    [
        {"PatientBirthDate": "19800101"},
        {"PatientName": "Roe^Richard"},
        {"PatientID": "4712", "StudyInstanceUID": STUDY},
    ],
)
def test_the_order_of_another_patient_is_left_alone(site: Site, said: dict[str, str]) -> None:
    site.schedule(1, **said)
    site.receive(PatientName="Doe^Jane")
    assert site.find() is None


def test_images_that_name_an_order_are_not_asked_about(site: Site) -> None:
    site.schedule(1, StudyInstanceUID=STUDY)
    site.receive(AccessionNumber="MINE")
    assert site.find() is None
    assert not site.repositories.orders.asked(STUDY)
    header = Dataset()
    header.StudyInstanceUID, header.AccessionNumber = STUDY, "MINE"
    assert site.repositories.orders.amended(header).AccessionNumber == "MINE"


def test_a_worklist_that_is_away_holds_nothing_up_and_is_asked_again(site: Site) -> None:
    site.schedule(1, StudyInstanceUID=STUDY)
    site.receive()
    there = site.repositories.ae_titles.get("RIS")
    away = an_entity("RIS", host="127.0.0.1", port=free_port())
    site.repositories.ae_titles.put(away, actor="t", at=EPOCH)
    assert site.find() is None
    assert not site.repositories.orders.asked(STUDY)
    site.repositories.ae_titles.put(there, actor="t", at=EPOCH)
    assert site.find() is None, "it is left alone for a while"
    again = orders_of(_asking(site), site.repositories)
    assert again.find(STUDY, site.repositories.index.instances(STUDY)) is not None


def _asking(site: Site) -> NodeSettings:
    return site.repositories.settings


def test_an_answer_that_is_cut_off_names_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of a number is another order's."""
    order = Dataset()
    order.PatientID, order.StudyInstanceUID = "4711", STUDY
    order.FillerOrderNumberImagingServiceRequest = "F-12345678"

    def scheduled(_event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield 0xFF00, order

    def cut(*arguments: Any) -> bytes | None:
        whole = encode(*arguments)
        return whole[:-4] if whole else whole

    ris = AE(ae_title="RIS")
    ris.add_supported_context(MODALITY_WORKLIST)
    server = ris.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, scheduled)]
    )
    assert server is not None
    address = Destination(ae_title="RIS", host="127.0.0.1", port=server.server_address[1])
    worklist = WorklistScu(
        address=lambda: address, calling_ae="AINODE", timeouts=ScuTimeouts(connection=30.0)
    )
    try:
        (item,) = worklist.of_study(STUDY)
        assert item.procedure.filler_order_number == "F-12345678"
        monkeypatch.setattr("pynetdicom.service_class.encode", cut)
        with pytest.raises(NodeError):
            worklist.of_study(STUDY)
    finally:
        server.shutdown()
