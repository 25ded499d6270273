"""A disk that fails and is read-only from then on: said, nothing acknowledged, nothing lost."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance.chaos import (
    Flapping,
    Sender,
    assert_results,
    assert_stored,
    flapping,
    status_of_another,
)
from tests.acceptance.running import RunningNode, running_node
from tests.acceptance.test_faults import settled
from tests.peers.breaking_disk import BreakingDisk, breaking_disk

pytestmark = [pytest.mark.peer, pytest.mark.timeout(900)]
_STUDIES = 4
_PATIENCE = 600.0


def test_a_disk_that_fails_under_a_node_costs_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "node"
    data = folder / "data"
    data.mkdir(parents=True)
    with breaking_disk(data, tmp_path / "disk", mebibytes=256) as disk, _hospital(folder) as site:
        site.work(disk)
        # Open databases keep it from being unmounted, and checked.
        site.node.stop()
        disk.repair()
        site.node.start(seconds=_PATIENCE)
        site.assert_healed()


def test_an_archive_whose_disk_fails_heals_without_a_restart_once_it_is_mounted_anew(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "node"
    archive = folder / "data" / "archive"
    archive.mkdir(parents=True)
    with (
        breaking_disk(archive, tmp_path / "disk", mebibytes=256) as disk,
        _hospital(folder) as site,
    ):
        before = site.node.process
        site.work(disk)
        disk.repair()
        site.assert_healed()
        assert site.node.process is before


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hospital:
    """A running node, its PACS, and a modality that sends until all is acknowledged."""

    node: RunningNode
    pacs: Flapping
    sender: Sender

    def work(self, disk: BreakingDisk) -> None:
        """Have a study acknowledged, then the disk fail: no more is, and it is said."""
        self.node.wait_for(
            "a study to be acknowledged", lambda: self.sender.sent, seconds=_PATIENCE
        )
        disk.fail()
        status = status_of_another(self.node)
        assert status & 0xFF00 == 0xA700, hex(status)
        said = self.node.health()
        assert said["status"] == "failing"
        assert any("archive cannot be written" in each for each in said["problems"]), said
        doctor = self.node.run("doctor", timeout=_PATIENCE)
        assert doctor.returncode != 0
        assert "studies are refused" in doctor.stdout

    def assert_healed(self) -> None:
        """All comes, is kept, is analysed and delivered, and the node is well."""
        node, sent = self.node, self.sender.sent
        node.wait_for("all to be sent", self.sender.is_done, seconds=_PATIENCE)
        repositories = node.repositories()
        settled(node, repositories, sent)
        assert_stored(repositories, sent)
        assert_results(repositories, self.pacs, sent)
        repositories.close()
        node.wait_for("health", lambda: node.health()["status"] == "ok", seconds=_PATIENCE)


@contextmanager
def _hospital(folder: Path) -> Iterator[_Hospital]:
    with (
        running_node(folder, DICOM_NODE_NETWORK__MIN_FREE_BYTES="0") as node,
        flapping(folder / "pacs") as pacs,
    ):
        node.add_ae("PACS", pacs.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start(seconds=_PATIENCE)
        sender = Sender(node.peer, folder / "modality", "CR1", _STUDIES)
        sender.start()
        try:
            yield _Hospital(node=node, pacs=pacs, sender=sender)
        finally:
            sender.stop()
