"""A disk that fails and is read-only from then on: said, nothing acknowledged, nothing lost."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from tests.acceptance.chaos import Sender, assert_results, assert_stored, flapping
from tests.acceptance.running import RunningNode, running_node
from tests.acceptance.test_faults import settled
from tests.peers.breaking_disk import breaking_disk
from tests.peers.objects import encoded, make_dataset
from tests.peers.raw_scu import raw_scu

pytestmark = [pytest.mark.peer, pytest.mark.timeout(900)]
_STUDIES = 4
_PATIENCE = 600.0


def test_a_disk_that_fails_under_a_node_costs_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "node"
    data = folder / "data"
    data.mkdir(parents=True)
    with (
        breaking_disk(data, tmp_path / "disk", mebibytes=256) as disk,
        running_node(folder, DICOM_NODE_NETWORK__MIN_FREE_BYTES="0") as node,
        flapping(tmp_path / "pacs") as pacs,
    ):
        node.add_ae("PACS", pacs.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start(seconds=_PATIENCE)
        sender = Sender(node.peer, tmp_path / "modality", "CR1", _STUDIES)
        sender.start()
        try:
            node.wait_for("a study to be acknowledged", lambda: sender.sent, seconds=_PATIENCE)
            disk.fail()
            status = _answer(node)
            assert status & 0xFF00 == 0xA700, hex(status)
            said = _health(node)
            assert said["status"] == "failing"
            assert any("archive cannot be written" in each for each in said["problems"]), said
            doctor = node.run("doctor", timeout=_PATIENCE)
            assert doctor.returncode != 0
            assert "studies are refused" in doctor.stdout
            node.stop()
            disk.repair()
            node.start(seconds=_PATIENCE)
            node.wait_for("all to be sent", sender.is_done, seconds=_PATIENCE)
        finally:
            sender.stop()
        repositories = node.repositories()
        settled(node, repositories, sender.sent)
        assert_stored(repositories, sender.sent)
        assert_results(repositories, pacs, sender.sent)
        repositories.close()
        node.wait_for("health", lambda: _health(node)["status"] == "ok", seconds=_PATIENCE)
        node.stop()


def _answer(node: RunningNode) -> int:
    """Send one more image, and return the status that answers it."""
    image = make_dataset()
    with raw_scu(node.peer, "CR1", patience=_PATIENCE) as scu:
        status, _ = scu.store(
            encoded(image), sop_instance=image.SOPInstanceUID, syntax=ExplicitVRLittleEndian
        )
    return status


def _health(node: RunningNode) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{node.web_port}/health", timeout=60).json()
    return found
