"""The page, the REST API and the command of notices: added, tried, removed, never shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dicom_node.node.administration import make_people
from dicom_node.node.repositories import Repositories
from tests.peers.notified import Hook, webhook
from tests.peers.office import office_stores
from tests.unit.web.test_administration import post, visitor
from tests.unit.web.test_api import machine

pytestmark = pytest.mark.slow

_TOKEN = "hush-hush-token"  # noqa: S105 - of a receiver that lives for one test
_PAGE = "/notifications"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    with office_stores(tmp_path) as made:
        yield made


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as made:
        yield made


@pytest.fixture
def client(stores: Repositories) -> TestClient:
    return visitor(stores, "otto")


def test_a_channel_is_added_tried_and_removed_on_the_page(
    client: TestClient, stores: Repositories, hook: Hook
) -> None:
    assert "Nobody is told" in client.get(_PAGE).text
    form = {"name": "IT on call", "url": hook.url(_TOKEN), "weights": ["failing", "finding"]}
    said = post(client, _PAGE, _PAGE + "/add", **form).text
    assert "is told from now on" in said
    assert "JSON at 127.0.0.1" in said
    assert _TOKEN not in said
    said = post(client, _PAGE, _PAGE + "/test", name="IT on call").text
    assert "has taken a test" in said
    assert [each["title"] for each in hook.posts] == ["DICOM AI node AINODE: a test"]
    said = post(client, _PAGE, _PAGE + "/remove", name="IT on call").text
    assert "Nobody is told" in said
    changes = repr(stores.audit.recent(10))
    assert all(act in changes for act in ("channel add", "channel test", "channel remove"))
    assert _TOKEN not in changes


def test_a_test_that_fails_says_why(client: TestClient, hook: Hook) -> None:
    hook.status = 500
    post(client, _PAGE, _PAGE + "/add", name="x", url=hook.url(_TOKEN), weights="failing")
    said = post(client, _PAGE, _PAGE + "/test", name="x").text
    assert "did not take it" in said
    assert _TOKEN not in said


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"url": "nonsense://secret"}, "url"),
        ({"weights": []}, "weights"),
        ({"weights": ["loud"]}, "weights"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field(
    client: TestClient, change: dict[str, object], field: str
) -> None:
    form = {"name": "x", "url": "json://127.0.0.1/a", "weights": ["failing"], **change}
    said = post(client, _PAGE, _PAGE + "/add", **form)
    assert said.status_code == 422
    assert f'id="{field}-wrong"' in said.text
    assert "secret" not in said.text


def test_programs_do_the_same(stores: Repositories, hook: Hook) -> None:
    people = make_people(stores.users, stores.tokens)
    program = machine(stores, people, "configure")
    path = "/api/v1/notifications/channels"
    added = program.post(path, json={"name": "hook", "url": hook.url(_TOKEN)})
    assert added.status_code == 201, added.text
    assert program.post(path, json={"name": "hook", "url": hook.url()}).status_code == 409
    assert program.post(path + "/hook/test").status_code == 204
    (listed,) = program.get(path).json()
    assert listed["leads_to"] == "JSON at 127.0.0.1"
    assert _TOKEN not in program.get(path).text + added.text
    assert program.post(path + "/nobody/test").status_code == 404
    assert program.delete(path + "/hook").status_code == 204
    assert program.get(path).json() == []
    assert machine(stores, people, "status").get(path).status_code == 403
