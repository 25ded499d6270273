"""Workstations on a whole node's stores: DCMTK finds, one claims over DIMSE, another over HTTP."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from dicom_node.administration.people import TokenRequest
from dicom_node.configuration.peers import NetworkSettings, NotificationSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.configuration.work import WorklistSettings
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.user import Permission
from dicom_node.network.access import Refusal
from dicom_node.node.administration import make_people
from dicom_node.node.clock import utc_now
from dicom_node.node.pages import make_pages
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.repositories import Repositories
from dicom_node.ups.codes import UPS_PULL, UPS_PUSH
from dicom_node.web.application import make_application
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.peers import dcmtk
from tests.peers.objects import announcement, encoded, make_dataset
from tests.peers.office import office_administration
from tests.peers.raw_scu import rejection
from tests.peers.reading_room import add_people
from tests.schema import give_schemas
from tests.unit.persistence.test_hotbase import JOB

TOKEN = "a-token-of-the-second-workstation"  # noqa: S105 - opens nothing but this test
STEP = "2.25.1"


@dataclass(frozen=True)
class House:
    repositories: Repositories
    workstations: Workstations
    web: TestClient


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A node with one received study whose result waits, and two workstations."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"WS2 {TOKEN}\n", encoding="utf-8")
    settings = NodeSettings(
        data_dir=tmp_path / "data",
        network=NetworkSettings(host="127.0.0.1", min_free_bytes=0),
        worklist=WorklistSettings(enabled=True, port=0, token_file=str(tokens)),
        notifications=NotificationSettings(address="http://testserver"),
    )
    repositories = Repositories(settings)
    give_schemas(repositories)
    repositories.received.open()
    for title, role in (("WS1", Role.WORKLIST), ("WS2", Role.WORKLIST), ("CR1", Role.MODALITY)):
        entity = ApplicationEntity(title=title, host="127.0.0.1", port=104, roles=frozenset({role}))
        repositories.ae_titles.put(entity, actor="test", at=utc_now())
    image = make_dataset(PatientName="Test^Worklist", PatientID="W1", AccessionNumber="ACC1")
    stored = repositories.received.store(encoded(image), announcement(image))
    repositories.index.record([stored.instance])
    details = fake_details(1)
    item = replace(details.item, study_instance_uid=image.StudyInstanceUID, received_at=utc_now())
    repositories.review_queue().add(item, details.findings)
    repositories.hotbase.add_job(
        replace(
            JOB,
            job_id=item.item_id,
            study_instance_uid=image.StudyInstanceUID,
            sop_instance_uids=(image.SOPInstanceUID,),
        ),
        at=utc_now(),
    )
    workstations = Workstations(settings, repositories)
    workstations.start()
    add_people(repositories)
    application: FastAPI = make_application(
        registry=CollectorRegistry(),
        problems=tuple,
        version="1",
        machines=workstations.routers,
        pages=make_pages(
            settings,
            repositories,
            None,
            version="1",
            administration=office_administration(repositories),
        ),
    )
    yield House(
        repositories,
        workstations,
        TestClient(application, headers={"Authorization": f"Bearer {TOKEN}"}),
    )
    workstations.stop()
    repositories.close()


@pytest.mark.peer
def test_findscu_finds_by_the_patient_that_the_stored_image_names(
    house: House, tmp_path: Path
) -> None:
    peer = dcmtk.Peer(ae_title="AINODE", port=house.workstations.port)
    done = dcmtk.run(
        "findscu", "-W", "-X", "-od", tmp_path, "-aet", "WS1", "-aec", "AINODE",
        "-k", "PatientID=W*", "-k", "PatientName", "-k", "AccessionNumber",
        "-k", "StudyInstanceUID", peer.host, str(peer.port),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("rsp*.dcm")
    found = dcmread(file, force=True)
    assert (found.PatientName, found.AccessionNumber) == ("Test^Worklist", "ACC1")


def test_who_claims_over_dimse_holds_it_over_http_too(house: House) -> None:
    claim = Dataset()
    claim.ProcedureStepState = "IN PROGRESS"
    claim.TransactionUID = "2.25.1001"
    ae = AE(ae_title="WS1")
    ae.add_requested_context(UPS_PULL)
    association = ae.associate("127.0.0.1", house.workstations.port, ae_title="AINODE")
    assert association.is_established
    status, _ = association.send_n_action(claim, 1, UPS_PUSH, STEP, meta_uid=UPS_PULL)
    association.release()
    assert status.Status == 0x0000
    house.workstations.sweep()
    other = Dataset()
    other.ProcedureStepState = "IN PROGRESS"
    other.TransactionUID = "2.25.1002"
    answer = house.web.put(
        f"/dicom-web/workitems/{STEP}/state",
        content=json.dumps(other.to_json_dict()),
        headers={"Content-Type": "application/dicom+json"},
    )
    assert answer.status_code == 409
    (step,) = house.web.get(f"/dicom-web/workitems/{STEP}").json()
    assert step["00741000"]["Value"] == ["IN PROGRESS"]


def test_the_token_of_a_worklist_opens_what_its_steps_name(house: House) -> None:
    people = make_people(house.repositories.users, house.repositories.tokens)

    def token(*scopes: Permission, ae_title: str = "WS2") -> dict[str, str]:
        asked = TokenRequest(
            name="viewer", owner="ada", scopes=frozenset(scopes), ae_title=ae_title
        )
        return {"Authorization": f"Bearer {people.issue(asked, actor='test')[1]}"}

    both = token(Permission.REVIEW, Permission.IMAGES)
    assert len(house.web.get("/dicom-web/workitems", headers=both).json()) == 1
    step = Dataset.from_json(house.web.get(f"/dicom-web/workitems/{STEP}", headers=both).json()[0])
    (images,) = step.InputInformationSequence
    assert images.DICOMRetrievalSequence[0].RetrieveAETitle == "AINODE"
    where = images.WADORSRetrievalSequence[0].RetrieveURL
    assert where.startswith("http://testserver/dicom-web/studies/")
    wanted = {"Accept": 'multipart/related; type="application/dicom"'}
    got = house.web.get(where, headers=both | wanted)
    assert got.status_code == 200
    assert images.ReferencedSOPSequence[0].ReferencedSOPInstanceUID.encode() in got.content
    # Each part needs its scope, and the worklist an AE title that may use it.
    alone = token(Permission.REVIEW)
    assert house.web.get(f"/dicom-web/workitems/{STEP}", headers=alone).status_code == 200
    assert house.web.get(where, headers=alone | wanted).status_code == 403
    for headers, status in (
        (token(Permission.IMAGES), 401),
        (token(Permission.REVIEW, ae_title=""), 401),
        (token(Permission.REVIEW, ae_title="CR1"), 403),
        ({"Authorization": "Bearer nobodys"}, 401),
    ):
        answer = house.web.get(f"/dicom-web/workitems/{STEP}", headers=headers)
        assert answer.status_code == status


def test_a_modality_may_not_ask_for_the_worklist(house: House) -> None:
    node = dcmtk.Peer(ae_title="AINODE", port=house.workstations.port)
    asked = [(UPS_PULL, ExplicitVRLittleEndian)]
    assert rejection(node, "CR1", asked) == Refusal.OPERATION_NOT_PERMITTED.value
