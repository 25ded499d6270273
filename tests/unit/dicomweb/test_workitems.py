"""UPS-RS (PS3.18 Section 11): transactions, media types and warnings."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydicom.dataset import Dataset

from dicom_node.dicomweb.callers import TokenCallers, read_tokens
from dicom_node.dicomweb.native_model import native_model
from dicom_node.dicomweb.workitems import WorkitemLimits, WorkitemRequest, workitems_router
from dicom_node.domain.application_entity import Operation
from dicom_node.domain.subject import Subject
from dicom_node.errors import ConfigurationError
from dicom_node.ups.fakes import FakeAnalyses, FakeSteps
from dicom_node.ups.presentation import Station
from dicom_node.ups.service import ProcedureSteps
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.unit.ups.requests import KEY, a_request

TOKENS = {"WS1": "first-token-of-the-test", "WS2": "second-token-of-the-test"}
JSON = "application/dicom+json"
XML = "application/dicom+xml"
WORKITEMS = "/dicom-web/workitems"
PERMITTED = {"WS1": frozenset({Operation.WORKLIST}), "WS2": frozenset({Operation.WORKLIST})}


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    lines = [f"{title} {token}" for title, token in {**TOKENS, "CR1": "t" * 20}.items()]
    path.write_text("# title token\n\n" + "\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def told() -> list[WorkitemRequest]:
    """What the audit trail is told."""
    return []


@pytest.fixture
def client(token_file: Path, told: list[WorkitemRequest]) -> TestClient:
    review_queue = FakeReviewQueue(clock=FakeClock())
    store = FakeSteps(review_queue=review_queue)
    for number in (1, 2, 3):
        review_queue.add(fake_details(number))
        study = f"1.2.3.{number}"
        store.subjects[study] = Subject(study_instance_uid=study, patient_id=f"P{number}")
    steps = ProcedureSteps(
        store=store,
        review_queue=review_queue,
        analyses=FakeAnalyses(),
        station=Station(ae_title="AINODE"),
        clock=review_queue.clock,
    )
    application = FastAPI()
    application.include_router(
        workitems_router(
            steps,
            caller=TokenCallers(read_tokens(token_file), {**PERMITTED, "CR1": frozenset()}.get),
            limits=WorkitemLimits(max_results=2),
            tell=told.append,
        )
    )
    return TestClient(application, headers=bearer("WS1"))


def bearer(title: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS.get(title, title)}"}


def send(
    client: TestClient, method: str, path: str, payload: Dataset, title: str = "WS1"
) -> httpx.Response:
    answer: Any = client.request(
        method,
        WORKITEMS + path,
        content=json.dumps([payload.to_json_dict()]),
        headers={"Content-Type": JSON, **bearer(title)},
    )
    return answer  # type: ignore[no-any-return]


def state(value: str, key: str = KEY) -> Dataset:
    made = Dataset()
    made.ProcedureStepState = value
    if key:
        made.TransactionUID = key
    return made


def test_nobody_without_a_token_gets_in(client: TestClient) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wrong"}):
        answer = client.get(WORKITEMS, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.slow
def test_a_token_of_an_ae_without_the_role_is_not_enough(client: TestClient) -> None:
    answer = client.get(WORKITEMS, headers={"Authorization": f"Bearer {'t' * 20}"})
    assert answer.status_code == 403


def test_a_search_gives_dicom_json(client: TestClient) -> None:
    answer = client.get(WORKITEMS, params={"00100020": "P2", "ProcedureStepState": "SCHEDULED"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == JSON
    (item,) = answer.json()
    assert item["00080018"]["Value"] == ["2.25.2"]
    assert item["00741000"] == {"vr": "CS", "Value": ["SCHEDULED"]}


def test_a_search_that_would_look_at_all_there_is_is_refused_in_words(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom_node.ups.service.MOST_LOOKED_AT", 1)
    answer = client.get(WORKITEMS, params={"WorklistLabel": "*nowhere*"})
    assert answer.status_code == 413
    assert "narrow the query" in answer.json()["detail"]


def test_steps_are_had_and_made_in_xml(client: TestClient) -> None:
    """PS3.18 Section 11: a part for each that a search finds, a document for one."""
    headers = {"Accept": XML}
    found = client.get(WORKITEMS, params={"PatientID": "P2"}, headers=headers)
    assert found.headers["Content-Type"].startswith(f'multipart/related; type="{XML}"')
    assert found.text.count("<NativeDicomModel") == 1
    retrieved = client.get(f"{WORKITEMS}/2.25.2", headers=headers)
    assert retrieved.headers["Content-Type"] == XML
    assert "SCHEDULED" in retrieved.text
    as_part = client.get(
        f"{WORKITEMS}/2.25.2", headers={"Accept": f'multipart/related; type="{XML}"'}
    )
    assert as_part.headers["Content-Type"].startswith("multipart/related")
    wanted = state("IN PROGRESS").to_json_dict()
    answer = client.put(
        f"{WORKITEMS}/2.25.2/state",
        content=native_model(wanted),
        headers={"Content-Type": XML},
    )
    assert answer.status_code == 200, answer.text
    assert "IN PROGRESS" in client.get(f"{WORKITEMS}/2.25.2", headers=headers).text
    broken = client.put(
        f"{WORKITEMS}/2.25.2/state", content=b"<!DOCTYPE a><a/>", headers={"Content-Type": XML}
    )
    assert broken.status_code == 400
    assert "Native DICOM Model" in broken.text


def test_a_search_says_when_there_is_more(client: TestClient) -> None:
    first = client.get(WORKITEMS)
    assert len(first.json()) == 2
    assert "additional results" in first.headers["Warning"]
    rest = client.get(WORKITEMS, params={"offset": "2"})
    assert len(rest.json()) == 1
    assert "Warning" not in rest.headers


def test_a_search_without_a_match_is_empty(client: TestClient) -> None:
    assert client.get(WORKITEMS, params={"PatientID": "P9"}).status_code == 204


@pytest.mark.parametrize(
    "parameters",
    [
        {"NoSuchThing": "1"},
        {"limit": "many"},
        {"PatientID.Modality": "CR"},
        {"ScheduledProcedureStepStartDateTime": "soon"},
        {"StudyInstanceUID": "1.2.*"},
    ],
)
def test_a_search_that_makes_no_sense_is_refused(
    client: TestClient, parameters: dict[str, str]
) -> None:
    assert client.get(WORKITEMS, params=parameters).status_code == 400


def test_a_work_item_is_retrieved(client: TestClient) -> None:
    answer = client.get(f"{WORKITEMS}/2.25.1", headers={"Accept": JSON})
    assert answer.status_code == 200
    (item,) = answer.json()
    assert Dataset.from_json(item).PatientID == "P1"
    assert "00081195" not in item
    assert client.get(f"{WORKITEMS}/2.25.404").status_code == 404
    assert client.get(f"{WORKITEMS}/2.25.1", headers={"Accept": "image/png"}).status_code == 406


def test_of_two_workstations_one_claims_and_the_other_gets_a_conflict(client: TestClient) -> None:
    assert send(client, "PUT", "/2.25.1/state", state("IN PROGRESS")).status_code == 200
    other = send(client, "PUT", "/2.25.1/state", state("IN PROGRESS", "2.25.9"), "WS2")
    assert other.status_code == 409
    assert other.headers["Warning"].startswith("299 http://testserver/dicom-web: ")
    assert "inconsistent" in other.headers["Warning"]
    wrong = send(client, "PUT", "/2.25.1/state", state("COMPLETED", "2.25.9"), "WS2")
    assert wrong.status_code == 400
    assert wrong.headers["Warning"].endswith("The Transaction UID is incorrect.")
    missing = send(client, "PUT", "/2.25.1/state", state("COMPLETED", ""))
    assert missing.status_code == 400
    assert missing.headers["Warning"].endswith("The Transaction UID is missing.")


def test_canceling_twice_is_done_with_a_warning(client: TestClient) -> None:
    for value in ("IN PROGRESS", "CANCELED"):
        assert send(client, "PUT", "/2.25.1/state", state(value)).status_code == 200
    again = send(client, "PUT", "/2.25.1/state", state("CANCELED"))
    assert again.status_code == 200
    assert "already in the requested state of CANCELED" in again.headers["Warning"]


def test_a_work_item_is_created_and_found_where_the_answer_says(client: TestClient) -> None:
    answer = send(client, "POST", "?1.9.1", a_request("1.2.3.1"))
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith("/dicom-web/workitems/1.9.1")
    assert client.get(answer.headers["Location"]).status_code == 200
    assert send(client, "POST", "?1.9.1", a_request("1.2.3.1")).status_code == 409
    lacking = send(client, "POST", "", a_request("1.2.3.2", ProcedureStepLabel=None))
    assert lacking.status_code == 400


def test_updates_carry_the_transaction_uid_in_the_query_or_the_payload(client: TestClient) -> None:
    change = Dataset()
    change.ProcedureStepLabel = "Ward round"
    send(client, "PUT", "/2.25.1/state", state("IN PROGRESS"))
    assert send(client, "POST", "/2.25.1", change).status_code == 400
    assert send(client, "POST", f"/2.25.1?{KEY}", change).status_code == 200
    assert send(client, "POST", f"/2.25.1?transaction-uid={KEY}", change).status_code == 200
    change.TransactionUID = KEY
    assert send(client, "POST", "/2.25.1", change).status_code == 200


def test_the_nodes_own_review_is_not_canceled_on_request(client: TestClient) -> None:
    answer = send(client, "POST", "/2.25.1/cancelrequest", Dataset())
    assert answer.status_code == 409
    assert "Performer chooses not to cancel" in answer.headers["Warning"]
    send(client, "POST", "?1.9.1", a_request("1.2.3.1"))
    assert send(client, "POST", "/1.9.1/cancelrequest", Dataset()).status_code == 202


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"not json", JSON, 400),
        (b"[]", JSON, 400),
        (b"[{}, {}]", JSON, 400),
        (b'{"00741000": 7}', JSON, 400),
        (b"<xml/>", "text/xml", 415),
        (b" " * 5_000_000, JSON, 413),
    ],
)
def test_payloads_that_are_no_data_set_are_refused(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    answer = client.put(
        f"{WORKITEMS}/2.25.1/state", content=content, headers={"Content-Type": kind}
    )
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("tag", "vr", "values"),
    [
        ("00181242", "IS", [1, None, 3]),
        ("00280030", "DS", [None, 0.5]),
        ("00101001", "PN", [None, {"Alphabetic": "A"}]),
    ],
)
def test_empty_values_among_others_break_nobodys_answer(
    client: TestClient, tag: str, vr: str, values: list[Any]
) -> None:
    asked = a_request("1.2.3.1").to_json_dict()
    asked["00741210"] = {"vr": "SQ", "Value": [{tag: {"vr": vr, "Value": values}}]}
    made = client.post(
        f"{WORKITEMS}?workitem=2.25.78",
        content=json.dumps([asked]),
        headers={"Content-Type": JSON},
    )
    assert made.status_code == 201, made.text
    (shown,) = client.get(f"{WORKITEMS}/2.25.78").json()
    assert shown["00741210"]["Value"] == [{tag: {"vr": vr, "Value": values}}]
    assert client.get(f"{WORKITEMS}/2.25.78", headers={"Accept": XML}).status_code == 200


def test_event_reports_are_said_not_to_be_there(client: TestClient) -> None:
    assert client.post(f"{WORKITEMS}/2.25.1/subscribers/WS1").status_code == 501


def test_a_token_file_with_a_weak_token_is_refused_without_quoting_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("WS1 secret", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="line 1") as refused:
        read_tokens(path)
    assert "secret" not in str(refused.value)
    with pytest.raises(ConfigurationError, match="No such file"):
        read_tokens(tmp_path / "missing")


def test_what_is_asked_and_changed_is_told_to_the_audit_trail(
    client: TestClient, told: list[WorkitemRequest]
) -> None:
    client.get(f"{WORKITEMS}?PatientID=P1")
    client.get(f"{WORKITEMS}?includefield=nonsense")
    uid = client.get(WORKITEMS).json()[0]["00080018"]["Value"][0]
    client.get(f"{WORKITEMS}/{uid}")
    assert send(client, "PUT", f"/{uid}/state", state("IN PROGRESS")).status_code == 200
    assert send(client, "PUT", f"/{uid}/state", state("NONSENSE")).status_code >= 400
    client.get(WORKITEMS, headers={"Authorization": "Bearer nobody's"})
    said = [(each.by, each.action, each.uid == uid, each.asked) for each in told]
    assert said == [
        ("WS1", None, False, "PatientID=P1"),
        ("WS1", None, False, "includefield=nonsense"),
        ("WS1", None, False, ""),
        ("WS1", "R", True, ""),
        ("WS1", "U", True, ""),
        ("WS1", "U", True, ""),
    ]
    assert [bool(each.problem) for each in told] == [False, True, False, False, False, True]
