"""Notifications of work items over the WebSocket of a receiver (PS3.18 Sections 11.10 to 11.13)."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.application_entity import Role
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.repositories import Repositories
from dicom_node.ups.subscriptions import FILTERED, GLOBAL
from dicom_node.web.server import WebServer
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.peers.process import wait_until
from tests.unit.builders import EPOCH, an_entity
from tests.unit.persistence.test_procedure_steps import decide, describe

CONFIG = Path(__file__).parents[3] / "config"
TOKEN, OTHER = "token-of-workstation-one", "token-of-workstation-two"
WAIT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A node's worklist over HTTP, with two results that wait."""

    repositories: Repositories
    workstations: Workstations
    url: str

    def ask(self, method: str, path: str, token: str = TOKEN) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.request(method, f"{self.url}/dicom-web/{path}", headers=headers)

    @contextmanager
    def listening(self, title: str = "WS1", token: str = TOKEN) -> Iterator[ClientConnection]:
        where = f"{self.url.replace('http', 'ws')}/dicom-web/subscribers/{title}"
        headers = {"Authorization": f"Bearer {token}"}
        with connect(where, additional_headers=headers, proxy=None) as socket:
            yield socket


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"WS1 {TOKEN}\nWS2 {OTHER}\n")
    base = load_settings(CONFIG)
    worklist = base.worklist.model_copy(update={"token_file": str(tokens)})
    settings: NodeSettings = base.model_copy(
        update={"data_dir": tmp_path / "data", "worklist": worklist}
    )
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    queue = repositories.review_queue()
    for number in (1, 2):
        details = fake_details(number)
        queue.add(details.item, details.findings)
        describe(repositories.engine, f"1.2.3.{number}")
    for title in ("WS1", "WS2"):
        entity = an_entity(title, roles=frozenset({Role.WORKLIST}))
        repositories.ae_titles.put(entity, actor="t", at=EPOCH)
    workstations = Workstations(settings, repositories)
    application = FastAPI()
    for router in workstations.routers:
        application.include_router(router)
    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    wait_until(lambda: _answers(server.url), "the web server")
    yield Ward(repositories=repositories, workstations=workstations, url=server.url)
    server.stop()
    repositories.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 404
    except httpx.TransportError:
        return False


def event(socket: ClientConnection) -> tuple[str, int, str]:
    """Return the next event: its step, its type, and the state that it says."""
    told: dict[str, Any] = json.loads(socket.recv(timeout=WAIT))
    assert told["00000002"] == {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.34.6.4"]}
    return (
        told["00001000"]["Value"][0],
        told["00001002"]["Value"][0],
        told.get("00741000", {}).get("Value", [""])[0],
    )


def test_events_come_over_the_socket_and_what_happened_before_it_opened_first(ward: Ward) -> None:
    made = ward.ask("POST", f"workitems/{GLOBAL}/subscribers/WS1?deletionlock=true")
    assert made.status_code == 201
    assert made.headers["Content-Location"].startswith("ws://")
    decide(ward.repositories.review_queue(), 1)
    ward.workstations.sweep()
    with ward.listening() as socket:
        before = {event(socket) for _ in range(2)}
        assert before == {("2.25.1", 1, "SCHEDULED"), ("2.25.2", 1, "SCHEDULED")}
        assert event(socket) == ("2.25.1", 1, "COMPLETED")
        decide(ward.repositories.review_queue(), 2)
        ward.workstations.sweep()
        assert event(socket) == ("2.25.2", 1, "COMPLETED")
    with ward.listening() as again, pytest.raises(TimeoutError):
        again.recv(timeout=0.2)  # nothing is told twice


def test_who_connects_anew_waits_for_what_the_connection_before_was_told(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy database writes down late what was sent, and the receiver has gone and come back."""
    assert ward.ask("POST", "workitems/2.25.1/subscribers/WS1").status_code == 201
    may_write = threading.Event()
    messages = ward.repositories.messages
    taken = messages.taken

    def late(numbers: Sequence[int], *, at: datetime) -> None:
        assert may_write.wait(WAIT)
        taken(numbers, at=at)

    monkeypatch.setattr(messages, "taken", late)
    with ward.listening() as socket:
        assert event(socket) == ("2.25.1", 1, "SCHEDULED")
    with ward.listening() as again:
        with pytest.raises(TimeoutError):
            again.recv(timeout=0.5)
        may_write.set()
        with pytest.raises(TimeoutError):
            again.recv(timeout=0.5)
        decide(ward.repositories.review_queue(), 1)
        ward.workstations.sweep()
        assert event(again) == ("2.25.1", 1, "COMPLETED")


def test_a_filter_is_taken_from_the_request_and_subscriptions_end(ward: Ward) -> None:
    path = f"workitems/{FILTERED}/subscribers/WS1"
    assert ward.ask("POST", f"{path}?filter=PatientID=P2").status_code == 201
    with ward.listening() as socket:
        assert event(socket) == ("2.25.2", 1, "SCHEDULED")
    assert ward.ask("POST", f"{path}/suspend").status_code == 200
    assert ward.ask("DELETE", path).status_code == 200
    assert ward.repositories.subscriptions.is_empty()
    assert ward.ask("POST", f"{path}?filter=nonsense").status_code == 400
    assert ward.ask("POST", "workitems/1.2.3/subscribers/WS1").status_code == 404
    assert ward.ask("POST", "workitems/2.25.1/subscribers/WS1/suspend").status_code == 400


def test_nobody_listens_as_another_and_the_newest_of_two_is_told(ward: Ward) -> None:
    assert ward.ask("POST", f"workitems/{GLOBAL}/subscribers/WS2").status_code == 403
    for title, token, status in (("WS1", OTHER, 403), ("WS1", "x" * 30, 401)):
        with pytest.raises(InvalidStatus) as refused, ward.listening(title, token):
            pytest.fail("a stranger listens")
        assert refused.value.response.status_code == status
    with ward.listening() as first, ward.listening() as second:
        with pytest.raises(ConnectionClosed):
            first.recv(timeout=WAIT)
        assert first.close_code == 4000
        assert ward.ask("POST", "workitems/2.25.1/subscribers/WS1").status_code == 201
        assert event(second) == ("2.25.1", 1, "SCHEDULED")
