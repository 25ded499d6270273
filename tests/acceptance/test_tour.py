"""``make tour``: the whole product for a look round, and nothing of it afterwards."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.running import CONFIG
from tests.peers.process import program

_ROOT = CONFIG.parent
_SECONDS = 240


@contextmanager
def _tour(cache: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the tour until it has said where it is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dicom_node.demo.tour", "--json", "--cache", cache],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], _SECONDS)
        line = process.stdout.readline() if readable else ""
        if not line:
            process.send_signal(signal.SIGINT)
            raise AssertionError(process.communicate(timeout=60))
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


@contextmanager
def _signed_in(made: dict[str, Any], name: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=made["node"], follow_redirects=True, timeout=60) as client:
        token = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/sign-in").text)
        assert token is not None
        form = {"name": name, "password": made["people"][name], "csrf_token": token[1]}
        assert client.post("/sign-in", data=form).status_code == 200
        yield client


def _tested_itself(admin: httpx.Client) -> str:
    """Run the self-test by its button; return the part of the page with how it ended."""
    token = re.search(r'name="csrf_token" value="([^"]+)"', admin.get("/overview").text)
    assert token is not None
    admin.post("/overview/self-test", data={"csrf_token": token[1]})
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        shown = admin.get("/overview").text.partition('id="self-test"')[2]
        if "Passed" in shown or "Failed" in shown:
            return shown
        time.sleep(0.5)
    raise AssertionError("the self-test did not end")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.long
def test_the_tour_shows_every_kind_of_study_and_leaves_nothing(tmp_path: Path) -> None:
    program("Orthanc", "orthanc")
    with _tour(tmp_path / "cache") as (process, made):
        states = {each["state"] for each in made["studies"]}
        assert states == {"analysed", "not routed", "failed", "undecided"}
        with _signed_in(made, "expert") as expert:
            worklist = expert.get("/worklist").text
            assert worklist.count('class="row-button"') >= 5
            assert expert.get("/overview").status_code == 403
        with _signed_in(made, "admin") as admin:
            overview = admin.get("/overview").text
            assert "TOUR_AWAY" in overview
            assert "failed" in overview
            shown = _tested_itself(admin)
            assert "Passed" in shown
            for stage in ("receiving it", "choosing the model", "analysing it"):
                assert f"<td>{stage}</td>" in shown
            assert "SELF_TEST" not in admin.get("/studies").text, "nothing of it stays"
        undecided = next(each for each in made["studies"] if each["state"] == "undecided")
        with _signed_in(made, "operator") as operator:
            page = operator.get(f"/studies/{undecided['study']}").text
            assert page.count('type="radio" name="mark"') == 2
        metrics = httpx.get(made["node"] + "/metrics", timeout=60).text
        for series in (
            'dicom_node_stage_seconds_count{outcome="done",stage="infer"}',
            'dicom_node_model_seconds_count{model="chest-radiograph",outcome="done"',
            'dicom_node_delivery_seconds_count{destination="TOUR_PACS",outcome="stored"}',
            'dicom_node_http_request_seconds_count{method="GET",route="/worklist",status="200"}',
        ):
            assert series in metrics
        pacs = made["orthanc"]
        with httpx.Client(auth=(pacs["user"], pacs["password"]), timeout=60) as orthanc:
            series = orthanc.get(pacs["url"] + "/series?expand").json()
        assert {each["MainDicomTags"]["Modality"] for each in series} >= {"DX", "CT", "SR"}
        if made["viewer"]:
            found = httpx.get(made["viewer"] + "/dicom-web/studies", timeout=60).json()
            # Orthanc takes the study of two patients for two.
            shown = {each["0020000D"]["Value"][0] for each in found}
            assert shown == {each["study"] for each in made["studies"]}
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert not Path(made["folder"]).exists()
    assert not any(_runs(pid) for pid in made["processes"])
