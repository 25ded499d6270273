"""A CT through a whole node whose routes name xnet-lung, as the guide says it."""

import re
import shutil
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.acceptance import running
from tests.acceptance.running import running_node
from tests.integration.sr_templates.validators import dciodvfy_errors, dsrdump_complaints
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend, storescp

pytestmark = [pytest.mark.peer, pytest.mark.long]

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "ct.md"
CT = "CT1"


def _route() -> str:
    """The guide's route."""
    (found,) = re.findall(
        r'```toml\n(\[\[route\]\]\nname = "chest-ct-xnet".*?)```', GUIDE.read_text(), re.DOTALL
    )
    return str(found)


def test_the_guides_route_has_a_study_measured_by_xnet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    shutil.copytree(running.CONFIG, config)
    routes = config / "routes.toml"
    routes.write_text(f"{routes.read_text()}\n{_route()}")
    monkeypatch.setattr(running, "CONFIG", config)
    files = sorted(dicom_folder("ct-nlst").glob("*.dcm"))
    study = str(dcmread(files[0], stop_before_pixels=True).StudyInstanceUID)
    with (
        running_node(tmp_path / "node") as node,
        storescp(tmp_path / "pacs", ae_title="PACS") as pacs,
    ):
        checked = node.run("route", "check")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        node.add_ae("PACS", pacs.peer.port, "pacs", "--evidence", "sr,sc,seg")
        node.add_ae(CT, 104, "modality", "--destination", "PACS", "--quiet-period", "3")
        node.start()
        dcmsend(node.peer, files, calling=CT)
        node.settled(study)
        node.wait_for("all results", node.has_delivered)
        found = {path: dcmread(path) for path in pacs.files()}
    reports = []
    for path, result in found.items():
        assert dciodvfy_errors(path) == []
        if result.Modality == "SR":
            assert dsrdump_complaints(path) == []
            reports.append(str(result))
    assert len(reports) == 2  # the route for the classical method is still there
    assert sum("xnet-lung" in each for each in reports) == 1
