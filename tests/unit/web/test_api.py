"""The REST API: the same acts as in the browser, for machines with tokens."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from dicom_node.administration.people import People
from dicom_node.domain.review.review import Verdict
from dicom_node.domain.study import StudyState
from dicom_node.domain.user import Permission
from dicom_node.node.administration import make_people
from dicom_node.node.repositories import Repositories
from dicom_node.web.review.people import reviewer
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.peers.office import FAILED, office_application, office_stores
from tests.unit.web.test_administration import visitor

pytestmark = pytest.mark.slow

_ENTRY = {"title": "DX2", "host": "10.0.0.8", "port": 104, "roles": ["modality"]}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with office_stores(tmp_path_factory.mktemp("office")) as made:
        yield made


@pytest.fixture(scope="module")
def people(stores: Repositories) -> People:
    return make_people(stores.users, stores.tokens)


def machine(stores: Repositories, people: People, *scopes: str, owner: str = "otto") -> TestClient:
    """A program with a token for some services."""
    said = {"name": "test", "owner": owner, "scopes": scopes, "days": 1}
    _, text = people.issue(people.read_token(said), actor="test")
    return TestClient(office_application(stores), headers={"Authorization": f"Bearer {text}"})


@pytest.fixture(scope="module")
def program(stores: Repositories, people: People) -> TestClient:
    return machine(stores, people, "status", "operate", "configure", "people")


def test_an_ae_title_is_added_read_changed_and_removed(program: TestClient) -> None:
    added = program.post("/api/v1/ae-titles", json=_ENTRY)
    assert added.status_code == 201, added.text
    read = program.get("/api/v1/ae-titles/DX2")
    assert read.headers["ETag"] == added.headers["ETag"]
    changed = {**read.json(), "port": 11104}
    tag = {"If-Match": read.headers["ETag"]}
    answer = program.put("/api/v1/ae-titles/DX2", json=changed, headers=tag)
    assert (answer.status_code, answer.json()["port"]) == (200, 11104)
    assert program.delete("/api/v1/ae-titles/DX2", headers=tag).status_code == 412
    tag = {"If-Match": answer.headers["ETag"]}
    assert program.delete("/api/v1/ae-titles/DX2", headers=tag).status_code == 204
    assert program.get("/api/v1/ae-titles/DX2").status_code == 404


def test_whoever_does_not_say_which_version_they_saw_changes_nothing(program: TestClient) -> None:
    body = program.get("/api/v1/ae-titles/CR1").json()
    assert program.put("/api/v1/ae-titles/CR1", json=body).status_code == 428
    stale = program.put("/api/v1/ae-titles/CR1", json=body, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert "CR1 was changed by setup at" in stale.json()["problem"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"port": 0}, "port"),
        ({"port": "²"}, "port"),
        ({"port": 10**5000}, ""),
        ({"port": "9" * 5000}, "port"),
        ({"hots": "typing error"}, "hots"),
        ({"roles": []}, "roles"),
        ({"title": "A\\B"}, "title"),
        ({"destinations": ["AINODE"]}, "destinations"),
    ],
)
def test_what_cannot_be_used_is_said_of_its_field(
    program: TestClient, change: dict[str, Any], field: str
) -> None:
    if field:
        answer = program.post("/api/v1/ae-titles", json={**_ENTRY, **change})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    else:  # more digits than Python writes
        body = b'{"title":"DX2","host":"h","roles":["modality"],"port":' + b"9" * 5000 + b"}"
        answer = program.post(
            "/api/v1/ae-titles", content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422)


def test_studies_are_read_page_by_page_and_tried_again(
    program: TestClient, stores: Repositories
) -> None:
    seen: list[str] = []
    after = ""
    while after is not None:
        page = program.get("/api/v1/studies", params={"limit": 2, "after": after}).json()
        seen += [each["study_instance_uid"] for each in page["studies"]]
        after = page["next"]
    assert (len(seen), len(set(seen))) == (5, 5)
    assert program.get(f"/api/v1/studies/{FAILED}").json()["study"]["state"] == "failed"
    assert program.post(f"/api/v1/studies/{FAILED}/rerun").status_code == 202
    assert stores.index.study(FAILED).state is StudyState.RECEIVING
    change = stores.audit.recent(1)[0][1]
    assert (change.actor, change.action) == ("otto (test)", "study rerun")
    assert program.get("/api/v1/overview").json()["counts"]["all"] == 5


@pytest.mark.parametrize("limit", ["²", "9" * 5000, "0", "-1", "501", "1.5", "١" * 400])
def test_numbers_in_addresses_that_cannot_be_read_are_bad_requests(
    program: TestClient, limit: str
) -> None:
    assert program.get("/api/v1/studies", params={"limit": limit}).status_code == 400


def test_a_token_does_what_its_scopes_and_its_owner_may(
    stores: Repositories, people: People
) -> None:
    reader = machine(stores, people, "status")
    assert reader.get("/api/v1/ae-titles").status_code == 200
    assert reader.post("/api/v1/ae-titles", json=_ENTRY).status_code == 403
    operator = machine(stores, people, "status", owner="olga")
    assert operator.get("/api/v1/overview").status_code == 200
    people.set_disabled("olga", disabled=True, actor="test")
    assert operator.get("/api/v1/overview").status_code == 401
    people.set_disabled("olga", disabled=False, actor="test")
    assert operator.get("/api/v1/overview").status_code == 200


def test_a_token_with_that_scope_reads_dicomweb_for_somebody_who_reads_images(
    stores: Repositories, people: People
) -> None:
    viewer = machine(stores, people, "images", owner="ada")
    assert viewer.get("/dicom-web/studies").status_code == 200
    assert viewer.get("/api/v1/overview").status_code == 403
    assert machine(stores, people, "status").get("/dicom-web/studies").status_code == 403


def test_nobody_is_given_more_by_a_token_than_they_may(program: TestClient) -> None:
    asked = {"name": "x", "owner": "olga", "scopes": ["people"], "days": 1}
    answer = program.post("/api/v1/tokens", json=asked)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["scopes"])


def test_a_token_is_kept_as_a_digest_ends_and_can_be_taken_back(
    stores: Repositories, people: People, program: TestClient
) -> None:
    asked = {"name": "short", "owner": "otto", "scopes": ["status"], "days": 1}
    issued = program.post("/api/v1/tokens", json=asked).json()
    database = (stores.settings.data_dir / "hotbase.sqlite").read_bytes()
    assert issued["token"].encode() not in database
    bearer = {"Authorization": f"Bearer {issued['token']}"}
    plain = TestClient(office_application(stores))
    assert plain.get("/api/v1/overview", headers=bearer).status_code == 200
    later = People(
        stores.users,
        stores.tokens,
        hashed=str,
        is_right=lambda *_: False,
        clock=lambda: datetime.now(UTC) + timedelta(days=1, seconds=1),
    )
    assert later.bearer(issued["token"]) is None
    assert program.delete(f"/api/v1/tokens/{issued['token_id']}").status_code == 204
    assert plain.get("/api/v1/overview", headers=bearer).status_code == 401
    assert people.bearer(issued["token"]) is None


def test_a_session_of_the_pages_serves_the_api_too_but_not_for_other_sites(
    stores: Repositories,
) -> None:
    browser = visitor(stores, "otto")
    assert browser.get("/api/v1/ae-titles").status_code == 200
    assert browser.post("/api/v1/ae-titles", json=_ENTRY).status_code == 403


def test_a_route_is_tried_added_changed_and_removed(program: TestClient) -> None:
    route = {"name": "api", "model": "chest-radiograph", "modalities": ["DX"]}
    tried = program.post("/api/v1/route-trials", json=route).json()
    assert {tuple(each["after"]) for each in tried} == {("chest-radiograph", "api")}
    added = program.post("/api/v1/routes", json=route)
    assert added.status_code == 201, added.text
    tag = {"If-Match": added.headers["ETag"]}
    changed = program.put("/api/v1/routes/api", json={**route, "urgent": True}, headers=tag)
    assert changed.json()["urgent"]
    assert program.delete("/api/v1/routes/api", headers=tag).status_code == 412
    tag = {"If-Match": changed.headers["ETag"]}
    assert program.delete("/api/v1/routes/api", headers=tag).status_code == 204
    wrong = program.post("/api/v1/routes", json={**route, "model": "none"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["model"])


def test_models_are_listed_and_kept_from_devices(stores: Repositories, people: People) -> None:
    program = machine(stores, people, "status", "models")
    listed = program.get("/api/v1/models").json()
    assert any(each["active"] and each["figures"] for each in listed)
    asked = {"model": "chest-radiograph", "device": "cr1-0000", "reason": "too many doubts"}
    assert program.post("/api/v1/suspensions", json=asked).status_code == 201
    assert program.get("/api/v1/suspensions").json()[0]["actor"] == "otto (test)"
    assert program.delete("/api/v1/suspensions/chest-radiograph/cr1-0000").status_code == 204
    refused = program.post("/api/v1/models/chest-radiograph/promote", json={"version": "9"})
    assert refused.status_code == 409
    assert "9" in refused.json()["problem"]


def test_people_are_added_changed_and_removed(program: TestClient, people: People) -> None:
    person = {"name": "rosa", "roles": ["operator"], "password": "a long enough one"}
    added = program.post("/api/v1/users", json=person)
    assert added.status_code == 201, added.text
    assert "password" not in added.text
    short = program.post("/api/v1/users", json={**person, "name": "rosb", "password": "short"})
    assert (short.status_code, list(short.json()["fields"])) == (422, ["password"])
    changed = {**added.json(), "roles": ["reader"]}
    tag = {"If-Match": added.headers["ETag"]}
    assert program.put("/api/v1/users/rosa", json=changed, headers=tag).status_code == 200
    assert program.put("/api/v1/users/rosa", json=changed, headers=tag).status_code == 412
    assert people.get("rosa").may(Permission.REVIEW)
    assert program.delete("/api/v1/users/rosa").status_code == 204


def test_the_last_administrator_is_not_lost(stores: Repositories, people: People) -> None:
    program = machine(stores, people, "people")
    people.set_disabled("ada", disabled=True, actor="test")
    refused = program.delete("/api/v1/users/otto")
    assert (refused.status_code, "last one" in refused.json()["problem"]) == (409, True)
    people.set_disabled("ada", disabled=False, actor="test")


def test_the_document_describes_every_route_and_is_for_those_signed_in(
    program: TestClient, stores: Repositories
) -> None:
    document = program.get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/ae-titles/{title}" in document["paths"]
    operations = [each for methods in document["paths"].values() for each in methods.values()]
    assert [each["operationId"] for each in operations if not each.get("description")] == []
    assert TestClient(office_application(stores)).get("/api/v1/openapi.json").status_code == 401
    page = visitor(stores, "olga").get("/docs")
    assert (page.status_code, page.text.count("<details")) == (200, len(operations))


def test_a_verdict_is_read_and_taken_back_over_rest(stores: Repositories, people: People) -> None:
    review_queue = FakeReviewQueue()
    review_queue.add(fake_details(1))
    item_id = fake_details(1).item.item_id
    token = machine(stores, people, "review", owner="ada").headers["Authorization"]
    client = TestClient(office_application(stores, review_queue=review_queue))
    client.headers["Authorization"] = token
    path = f"/api/v1/reviews/{item_id}"
    assert "opacity" not in client.get(path).text, "who reads first is not told what the model says"
    ada = reviewer(stores.users.get("ada"))
    review_queue.claim(item_id, ada)
    review_queue.decide(Verdict(item_id=item_id, reviewer=ada, rejected=True))
    assert client.get(path).json()["readings"][0]["rejected"] is True
    assert client.post(f"{path}/reopen", json={"reason": ""}).status_code == 422
    answer = client.post(f"{path}/reopen", json={"reason": "the wrong side"})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["state"], said["holder"], said["readings"]) == ("claimed", "ada", [])
    assert (said["history"][0]["by"], said["history"][0]["reason"]) == ("ada", "the wrong side")
    assert client.post(f"{path}/reopen", json={"reason": "again"}).status_code == 409
