"""What of reading images over the web comes into the audit trail."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from dicom_node.audit.codes import INSTANCES_ACCESSED, QUERY
from dicom_node.audit.message import AuditMessage
from dicom_node.dicomweb.router import make_router
from dicom_node.domain.user import Permission, User, UserRole
from dicom_node.node.evidence_download import MayReadImages
from dicom_node.node.image_access import for_readers
from dicom_node.query.catalogue import ArchivedObject
from dicom_node.web.api.callers import Caller
from dicom_node.web.head_requests import HeadRequests
from tests.unit.builders import EPOCH
from tests.unit.dicomweb.test_retrieving import Folder, NothingFound, address, radiograph

READER = Caller(
    actor="reader",
    user=User(name="reader", title="", organization="", roles=frozenset({UserRole.READER})),
    permissions=frozenset({Permission.IMAGES}),
)


@pytest.fixture
def told() -> list[AuditMessage]:
    return []


@pytest.fixture
def image(tmp_path: Path) -> ArchivedObject:
    return Folder(tmp_path).add(radiograph())


@pytest.fixture
def client(tmp_path: Path, image: ArchivedObject, told: list[AuditMessage]) -> TestClient:
    folder = Folder(tmp_path)
    folder.found.append(image)
    application = FastAPI()
    application.include_router(for_readers(make_router(folder, NothingFound())))
    application.state.record = told.append
    application.state.clock = lambda: EPOCH
    (needing,) = MayReadImages.__metadata__
    application.dependency_overrides[needing.dependency] = lambda: READER
    return TestClient(HeadRequests(application), raise_server_exceptions=False)


def test_head_shows_nobody_an_image_and_the_get_behind_it_does(
    client: TestClient, image: ArchivedObject, told: list[AuditMessage]
) -> None:
    assert client.head(address(image)).status_code == 200
    assert told == []
    assert client.get(address(image)).status_code == 200
    assert [each.event for each in told] == [INSTANCES_ACCESSED]


def test_the_uri_service_gives_an_image_and_asks_nothing(
    client: TestClient, image: ArchivedObject, told: list[AuditMessage]
) -> None:
    asked = {
        "requestType": "WADO",
        "studyUID": image.study_instance_uid,
        "seriesUID": image.series_instance_uid,
        "objectUID": image.sop_instance_uid,
        "contentType": "application/dicom",
    }
    assert client.get("/dicom-web/wado", params=asked).status_code == 200
    assert client.get("/dicom-web/wado").is_error
    (record,) = told
    assert record.event == INSTANCES_ACCESSED
    assert image.study_instance_uid in {each.object_id for each in record.objects}


def test_a_search_is_a_query_and_what_the_service_offers_is_neither(
    client: TestClient, told: list[AuditMessage]
) -> None:
    assert client.options("/dicom-web/").status_code == 200
    assert client.get("/dicom-web/studies").status_code == 200
    assert [each.event for each in told] == [QUERY]
