"""Whose a study is that names several patients is decided in the browser, by who may see them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from dicom_node.audit.events import studies_of
from dicom_node.audit.message import AuditMessage
from dicom_node.domain.study import StudyState
from dicom_node.node.repositories import Repositories
from tests.peers.office import office_stores
from tests.unit.builders import EPOCH, STUDY
from tests.unit.cli.test_studies_commands import JANE, hold
from tests.unit.web.test_administration import post, visitor

pytestmark = pytest.mark.slow

RICHARD = {"PatientID": "4712", "PatientName": "Roe^Richard"}
PAGE, DECIDES = f"/studies/{STUDY}", f"/studies/{STUDY}/patient"
_MARK = re.compile(r'name="mark" value="([^"]+)"( checked)?')


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    with office_stores(tmp_path) as made:
        made.received.open()
        yield made


def test_who_operates_and_may_see_patients_decides_and_it_is_analysed(stores: Repositories) -> None:
    hold(stores, JANE, JANE, RICHARD)
    ada = visitor(stores, "ada")
    page = ada.get(PAGE).text
    assert "<strong>Doe^Jane</strong> 4711" in page
    assert "<strong>Roe^Richard</strong> 4712" in page
    assert "Their Patient IDs differ" in page
    jane, richard = (found[0] for found in _MARK.findall(page))
    said = post(ada, PAGE, DECIDES, mark=richard, why="asked the ward")
    assert "It is decided" in said.text
    decision = stores.patient_decisions.of_study(STUDY)
    assert decision is not None
    assert (decision.actor, decision.why, decision.is_same) == ("ada", "asked the ward", False)
    assert richard in decision.keys
    assert jane not in decision.keys
    assert stores.index.study(STUDY).state is StudyState.RECEIVING


def test_who_may_not_see_patients_is_told_who_decides_and_sees_none(stores: Repositories) -> None:
    hold(stores, JANE, RICHARD)
    otto = visitor(stores, "otto")
    page = otto.get(PAGE).text
    assert "who is expert or reader as well" in page
    assert "Doe" not in page
    assert post(otto, PAGE, DECIDES, mark="x", why="y").status_code == 403
    assert otto.get(f"/api/v1{PAGE}/patients").status_code == 403
    assert stores.index.study(STUDY).state is StudyState.UNDECIDED


def test_whatever_is_missing_is_said_at_once_and_nothing_typed_is_lost(
    stores: Repositories,
) -> None:
    hold(stores, JANE, RICHARD)
    ada = visitor(stores, "ada")
    said = post(ada, PAGE, DECIDES)
    assert said.status_code == 422
    assert "Choose a patient." in said.text
    assert "Say on what grounds." in said.text
    jane = _MARK.findall(said.text)[0][0]
    said = post(ada, PAGE, DECIDES, mark=jane, why="typing error", is_same="1")
    assert said.status_code == 422
    assert "archives file them apart: have the sender correct them" in said.text
    assert 'value="typing error"' in said.text
    assert _MARK.findall(said.text)[0] == (jane, " checked")


def test_what_came_meanwhile_is_not_decided_on_unseen(stores: Repositories) -> None:
    hold(stores, JANE, {**JANE, "PatientName": "Smith^Jane"})
    ada = visitor(stores, "ada")
    page = ada.get(PAGE).text
    jane = _MARK.findall(page)[0][0]
    seen = {
        name: re.search(rf'name="{name}" value="([^"]+)"', page)[1]  # type: ignore[index]
        for name in ("csrf_token", "version")
    }
    stores.index.reopen(STUDY)
    hold(stores, JANE, {**JANE, "PatientName": "Smith^Jane"}, {**JANE, "PatientName": "Roe^Mary"})
    said = ada.post(DECIDES, data={**seen, "mark": jane, "why": "married", "is_same": "1"})
    assert said.status_code == 409
    assert "Images have come since that name their patient otherwise" in said.text
    assert 'value="married"' in said.text
    assert stores.patient_decisions.of_study(STUDY) is None


def test_programs_decide_by_what_they_have_read(stores: Repositories) -> None:
    hold(stores, JANE, {**JANE, "PatientName": "Smith^Jane"})
    ada = visitor(stores, "ada")
    named = ada.get(f"/api/v1{PAGE}/patients").json()
    assert [each["name"] for each in named["patients"]] == ["Doe^Jane", "Smith^Jane"]
    assert named["one_id"]
    token = re.search(r'"X-CSRF-Token": "([^"]+)"', ada.get(PAGE).text)
    assert token
    body = {
        "mark": named["patients"][1]["mark"],
        "why": "married",
        "version": named["version"],
        "is_same": True,
    }
    done = ada.post(f"/api/v1{PAGE}/patient", json=body, headers={"X-CSRF-Token": token[1]})
    assert done.status_code == 202
    decision = stores.patient_decisions.of_study(STUDY)
    assert decision is not None
    assert decision.is_same
    assert decision.at >= EPOCH


def test_that_patients_were_shown_is_recorded(stores: Repositories) -> None:
    hold(stores, JANE, RICHARD)
    ada = visitor(stores, "ada")
    recorded: list[AuditMessage] = []
    assert isinstance(ada.app, FastAPI)
    ada.app.state.record = recorded.append
    ada.get(PAGE)
    (message,) = recorded
    assert message.participants[0].user_id == "ada"
    assert STUDY in studies_of(message)
