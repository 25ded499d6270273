"""A disk that is full to the last byte: refused, waited for, and healed once there is room."""

from pathlib import Path

import pytest

from dicom_node.domain.study import StudyState
from tests.acceptance.chaos import (
    Sender,
    assert_results,
    assert_stored,
    flapping,
    status_of_another,
)
from tests.acceptance.running import running_node
from tests.peers.small_disk import small_disk

pytestmark = [pytest.mark.peer, pytest.mark.timeout(900)]
_STUDIES = 4
_MEBIBYTES = 192
_PATIENCE = 600.0


def test_nothing_is_lost_and_all_heals_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    data = folder / "data"
    data.mkdir(parents=True)
    with (
        small_disk(data, mebibytes=_MEBIBYTES) as disk,
        running_node(folder, DICOM_NODE_NETWORK__MIN_FREE_BYTES="0") as node,
        flapping(tmp_path / "pacs") as pacs,
    ):
        node.add_ae("PACS", pacs.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start(seconds=_PATIENCE)
        before = node.process
        sender = Sender(node.peer, tmp_path / "modality", "CR1", _STUDIES)
        sender.start()
        try:
            node.wait_for("a study to be acknowledged", lambda: sender.sent, seconds=_PATIENCE)
            disk.fill()
            status = status_of_another(node)
            assert status & 0xFF00 == 0xA700, hex(status)
            said = node.health()
            assert said["status"] == "failing"
            assert any("free in" in each for each in said["problems"]), said
            doctor = node.run("doctor", timeout=_PATIENCE)
            assert doctor.returncode != 0
            assert "studies are refused" in doctor.stdout
            disk.make_room()
            node.wait_for("all to be sent", sender.is_done, seconds=_PATIENCE)
        finally:
            sender.stop()
        repositories = node.repositories()
        over = {StudyState.ANALYSED, StudyState.NOT_ROUTED}
        node.wait_for(
            "every study to be analysed",
            lambda: (
                {each.state for each in repositories.index.recent(100)} <= over
                and len(repositories.index.recent(100)) == _STUDIES
            ),
            seconds=_PATIENCE,
        )
        node.wait_for("all results to be delivered", node.has_delivered, seconds=_PATIENCE)
        assert_stored(repositories, sender.sent)
        assert_results(repositories, pacs, sender.sent)
        repositories.close()
        node.wait_for("health", lambda: node.health()["status"] == "ok", seconds=_PATIENCE)
        assert node.process is before and node.process is not None
        assert node.process.poll() is None
        assert "as they were written" in node.run("audit", "verify", timeout=_PATIENCE).stdout
