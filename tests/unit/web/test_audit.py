"""What is done in a browser or over REST is in the audit trail, and those who may can read it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from dicom_node.audit.events import studies_of
from dicom_node.audit.markup import written
from dicom_node.audit.message import AuditMessage, AuditSource
from dicom_node.node.auditing import Acts, Trail
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.web.application import make_application
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue
from tests.peers.office import add_peers, office_administration
from tests.peers.reading_room import ReadingRoom, add_people, add_study, settings_in
from tests.schema import give_schemas
from tests.unit.audit.schema import breaches
from tests.unit.web.test_sign_in import sign_in

pytestmark = pytest.mark.slow

STUDY, SERIES, IMAGE = "1.2.3.1", "1.2.3.1.1", "1.2.3.1.1.1"


@dataclass(slots=True, kw_only=True)
class Site:
    """All pages, and what they record."""

    client: TestClient
    repositories: Repositories
    item: str
    recorded: list[AuditMessage] = field(default_factory=list)

    def said(self) -> list[str]:
        """What was recorded since the last time, in a line each."""
        messages, self.recorded[:] = list(self.recorded), []
        source = AuditSource(source_id="AINODE")
        assert [breaches(written(each, source)) for each in messages] == [[]] * len(messages)
        return [
            " ".join(
                [
                    each.event.meaning,
                    *(code.meaning for code in each.types),
                    f"by {next(one.user_id for one in each.participants if one.is_requestor)}",
                    *(f"of {study}" for study in studies_of(each)),
                    *([each.description] if each.description else []),
                ]
            )
            for each in messages
        ]

    @property
    def token(self) -> dict[str, str]:
        """The session's token, as pages send it."""
        found = re.search(r'X-CSRF-Token": "([^"]+)"', self.client.get("/welcome").text)
        assert found
        return {"X-CSRF-Token": found[1]}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    repositories = Repositories(settings_in(tmp_path_factory.mktemp("node")))
    give_schemas(repositories)
    repositories.received.open()
    add_people(repositories)
    add_peers(repositories)
    review_queue = FakeReviewQueue(clock=lambda: datetime.now(UTC))
    room = ReadingRoom(repositories=repositories, review_queue=review_queue)
    add_study(room, 1, found=True, rows=64)
    recorded: list[AuditMessage] = []
    pages = make_pages(
        repositories.settings,
        repositories,
        review_queue,
        version="test",
        administration=office_administration(repositories),
        record=recorded.append,
        audit=Trail(repositories.settings, repositories.audit),
    )
    application = make_application(
        registry=CollectorRegistry(), problems=tuple, version="test", pages=pages
    )
    yield Site(
        client=TestClient(application, follow_redirects=False),
        repositories=repositories,
        item=room.items[0],
        recorded=recorded,
    )
    repositories.close()


@pytest.fixture(autouse=True)
def nobody(site: Site) -> None:
    """Begin without a session and with nothing recorded."""
    site.client.cookies.clear()
    site.recorded.clear()


def test_signing_in_failing_to_and_signing_out_are_recorded(site: Site) -> None:
    sign_in(site.client, "bert", "wrong")
    sign_in(site.client, "a password typed as a name", "wrong")
    assert sign_in(site.client, "bert") == 303
    site.client.post("/sign-out", headers=site.token)
    assert site.said() == [
        "User Authentication Login by bert name or password wrong",
        "User Authentication Login by (unknown) name or password wrong",
        "User Authentication Login by bert",
        "User Authentication Logout by bert",
    ]


def test_a_study_that_is_seen_is_recorded_with_who_the_patient_is(site: Site) -> None:
    assert sign_in(site.client, "cleo") == 303
    site.said()
    assert site.client.get(f"/worklist/items/{site.item}").status_code == 200
    patient = site.recorded[0].objects[1]
    assert (patient.id_type.meaning, bool(patient.object_id)) == ("Patient Number", True)
    assert site.said() == [f"DICOM Instances Accessed by cleo of {STUDY}"]


def test_images_are_recorded_once_a_sitting_and_queries_each_time(site: Site) -> None:
    assert sign_in(site.client, "bert") == 303
    site.said()
    image = f"/dicom-web/studies/{STUDY}/series/{SERIES}/instances/{IMAGE}"
    for path in (f"{image}/frames/1", f"{image}/rendered", f"/dicom-web/studies/{STUDY}/metadata"):
        assert site.client.get(path).status_code == 200, path
    assert site.client.get("/dicom-web/studies/9.9.9").status_code == 404
    assert site.client.get("/dicom-web/studies?PatientName=Syn*").status_code == 200
    assert site.client.get(f"/dicom-web/studies/{STUDY}/series").status_code == 200
    assert [each.objects[0].query for each in site.recorded[1:]] == ["PatientName=Syn*", ""]
    assert site.said() == [
        f"DICOM Instances Accessed by bert of {STUDY}",
        "Query by bert",
        "Query by bert",
    ]


def test_a_verdict_is_recorded(site: Site) -> None:
    assert sign_in(site.client, "bert") == 303
    token = site.token
    page = f"/worklist/items/{site.item}"
    site.client.post(f"{page}/claim", headers=token)
    site.said()
    answer = site.client.post(f"{page}/verdict", data={"overall": "reject"}, headers=token)
    assert answer.status_code in (204, 303), answer.text
    assert site.said()[0] == f"DICOM Instances Accessed by bert of {STUDY}"


def test_whoever_is_refused_is_recorded(site: Site) -> None:
    assert sign_in(site.client, "bert") == 303
    site.said()
    assert site.client.get("/people").status_code == 403
    stolen = {"Authorization": "Bearer dn_of_nobody"}
    site.client.cookies.clear()
    assert site.client.get("/dicom-web/studies", headers=stolen).status_code == 401
    assert site.said() == [
        "Security Alert Use of Restricted Function by bert this needs the role admin.",
        "Security Alert Use of Restricted Function by (token) "
        "this token is unknown, has expired or was taken back.",
    ]


def test_changes_are_in_the_trail_with_what_was_before_and_without_secrets(site: Site) -> None:
    assert sign_in(site.client, "otto") == 303
    token, client = site.token, site.client
    read = client.get("/api/v1/ae-titles/CR1")
    body = {**read.json(), "port": 11199}
    headers = {**token, "If-Match": read.headers["ETag"]}
    assert client.put("/api/v1/ae-titles/CR1", json=body, headers=headers).status_code == 200
    said = {"name": "pacs", "owner": "otto", "scopes": ["status"], "days": 3}
    made = client.post("/api/v1/tokens", json=said, headers=token).json()
    assert client.delete(f"/api/v1/tokens/{made['token_id']}", headers=token).status_code == 204
    answer = client.get("/api/v1/audit", params={"by": "otto", "event": "Security Alert"}).json()
    about = [each["about"][0] for each in answer["records"]]
    assert [each["name"] for each in about] == ["token remove", "token add", "ae put"]
    assert '"port": 11199' in about[2]["details"]["after"][0]
    assert '"port": 104' in about[2]["details"]["before"][0]
    assert made["token"] not in str(answer)
    assert site.said()[-1] == "Audit Log Used by otto"


def test_the_trail_is_read_page_by_page_and_filtered(site: Site) -> None:
    acts = Acts(site.repositories.settings)
    assert sign_in(site.client, "rita") == 303
    for message in site.recorded:
        acts.record(message)
    site.client.cookies.clear()
    assert sign_in(site.client, "otto") == 303
    first = site.client.get("/api/v1/audit", params={"limit": 2}).json()
    rest = site.client.get("/api/v1/audit", params={"before": first["next"]}).json()
    numbers = [each["number"] for each in [*first["records"], *rest["records"]]]
    assert numbers == list(range(numbers[0], 0, -1))
    found = site.client.get("/api/v1/audit", params={"by": "Rita"}).json()["records"]
    assert [(each["event"], each["types"]) for each in found] == [
        ("User Authentication", ["Login"])
    ]
    assert site.client.get("/api/v1/audit", params={"since": "2999-01-01"}).json()["records"] == []
    assert site.client.get("/api/v1/audit", params={"since": "gestern"}).status_code == 422
    page = site.client.get(
        "/audit", params={"event": "User Authentication"}, headers={"Accept": "text/html"}
    )
    assert "rita" in page.text
    assert "2026-01-31" in site.client.get("/audit", params={"since": "gestern"}).text


def test_who_the_patients_are_stays_out_of_the_page(site: Site) -> None:
    acts = Acts(site.repositories.settings)
    assert sign_in(site.client, "ada") == 303
    site.client.get(f"/worklist/items/{site.item}")
    site.client.get("/dicom-web/studies?PatientID=VERY-SECRET")
    seen = [each for each in site.recorded if each.objects]
    patient = seen[0].objects[-1].object_id
    for message in seen:
        acts.record(message)
    site.client.cookies.clear()
    assert sign_in(site.client, "otto") == 303
    shown = site.client.get("/api/v1/audit").text + site.client.get("/audit").text
    assert "(recorded)" in shown
    assert "VERY-SECRET" not in shown
    assert patient
    assert f'"{patient}"' not in shown
    (path,) = Path(site.repositories.settings.audit_dir).glob("*.jsonl")
    assert patient in path.read_text()
