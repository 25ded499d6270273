"""The disk of the databases is full, and the archive's is not: said, waited for, and healed."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.acceptance.chaos import Sender, assert_results, assert_stored, flapping
from tests.acceptance.running import running_node
from tests.acceptance.test_faults import settled
from tests.peers.small_disk import SmallDisk, small_disk

pytestmark = [pytest.mark.peer, pytest.mark.timeout(900)]
_STUDIES = 4
_PATIENCE = 600.0


def test_what_is_acknowledged_meanwhile_is_kept_and_analysed_once_there_is_room(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "node"
    data = folder / "data"
    data.mkdir(parents=True)
    with (
        small_disk(data, mebibytes=192) as databases,
        _disk_of_its_own(data / "archive"),
        _disk_of_its_own(data / "evidence"),
        running_node(folder, DICOM_NODE_NETWORK__MIN_FREE_BYTES="0") as node,
        flapping(tmp_path / "pacs") as pacs,
    ):
        node.add_ae("PACS", pacs.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start(seconds=_PATIENCE)
        before = node.process
        sender = Sender(node.peer, tmp_path / "modality", "CR1", _STUDIES)
        databases.fill()
        sender.start()
        try:
            node.wait_for("all to be acknowledged", sender.is_done, seconds=_PATIENCE)
            said = node.health()
            assert said["status"] == "failing"
            (room,) = [each for each in said["problems"] if "free in" in each]
            assert f"free in {data}: what was received waits" in room
            assert not any("studies are refused" in each for each in said["problems"]), said
            doctor = node.run("doctor", timeout=_PATIENCE)
            assert doctor.returncode != 0
            assert "what was received waits" in doctor.stdout
            databases.make_room()
        finally:
            sender.stop()
        repositories = node.repositories()
        settled(node, repositories, sender.sent)
        assert_stored(repositories, sender.sent)
        assert_results(repositories, pacs, sender.sent)
        repositories.close()
        node.wait_for("health", lambda: node.health()["status"] == "ok", seconds=_PATIENCE)
        assert node.process is before


def _disk_of_its_own(folder: Path) -> AbstractContextManager[SmallDisk]:
    folder.mkdir()
    return small_disk(folder, mebibytes=192)
