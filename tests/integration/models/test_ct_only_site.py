"""A site with CT alone needs no chest radiograph model: not installed, or not even named."""

import logging
import shutil
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from ai_engine.library.registry import shipped_weights
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.job import JobState
from dicom_node.models import cards as cards_module
from dicom_node.models.host import ModelHost
from dicom_node.node.node import Node
from tests.peers.process import free_port
from tests.unit.sr_templates_ct.builders import STUDY, a_study
from tests.unit.workflow.test_ct_corridor import CT, analysed, receive
from tests.unit.workflow.test_pipeline import Works

MODEL = "ct-high-attenuation"
_ROUTE = f"""
[[route]]
name = "chest-ct"
model = "{MODEL}"
modalities = ["CT"]
untagged_body_part = true
"""
_NAMED_BUT_NOT_INSTALLED = ("chest-radiograph", "frontal-chest-guard", "lung-segmentation")


@pytest.fixture(params=[(), _NAMED_BUT_NOT_INSTALLED], ids=["not named", "not installed"])
def config(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a site whose only model folder and only route are of CT."""
    weights = tmp_path / "weights"
    shutil.copytree(shipped_weights() / MODEL, weights / MODEL)
    monkeypatch.setattr(cards_module, "shipped_weights", lambda: weights)
    folder = tmp_path / "config"
    folder.mkdir()
    named = "".join(f'{each} = "1.0.0"\n' for each in (MODEL, *request.param))
    (folder / "models.toml").write_text(f"[active]\n{named}")
    (folder / "routes.toml").write_text(_ROUTE)
    return folder


def test_the_node_starts_and_is_healthy(
    config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = NodeSettings.model_validate(
        {
            "data_dir": tmp_path / "data",
            "network": {"host": "127.0.0.1", "port": free_port(), "receivers": 1},
            "web": {"port": free_port()},
        }
    )
    node = Node(settings, config)
    with caplog.at_level(logging.ERROR, logger="dicom_node"):
        node.start()
        try:
            answer = httpx.get(f"http://127.0.0.1:{node.web_port}/health", timeout=20)
        finally:
            node.stop()
    assert (answer.status_code, answer.json()["problems"]) == (200, [])
    assert caplog.records == []


def test_a_study_is_measured_and_reported(config: Path, engine: sa.Engine, tmp_path: Path) -> None:
    works = Works(engine, tmp_path)
    settings = NodeSettings.model_validate({"data_dir": tmp_path / "data"})
    host = ModelHost(settings, config, works.objects)
    host.load([MODEL])
    works.look_with(host)
    works.corridor.routing._routes = lambda: (CT,)
    receive(works, a_study().datasets)
    job = analysed(works)
    (state,) = [row["state"] for row in works.hotbase.jobs(STUDY)]
    assert state == JobState.DONE
    assert {row["name"] for row in works.hotbase.measurements(job)} >= {"volume", "severity"}


def test_a_model_that_cannot_be_loaded_is_named_in_the_log_and_keeps_no_other_from_loading(
    config: Path, engine: sa.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    works = Works(engine, tmp_path)
    settings = NodeSettings.model_validate({"data_dir": tmp_path / "data"})
    host = ModelHost(settings, config, works.objects)
    with caplog.at_level(logging.ERROR, logger="dicom_node.models.host"):
        host.load(["chest-radiograph", MODEL])
    (said,) = caplog.messages
    assert "model not loaded model=chest-radiograph" in said
    assert host.identity(MODEL).name == MODEL
