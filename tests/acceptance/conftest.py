"""What acceptance tests start from: a node, and a real Orthanc paired with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO

from tests.acceptance.running import RunningNode, running_node
from tests.peers.orthanc import Orthanc, orthanc

MODALITY = "CR1"
_SR = "1.2.840.10008.5.1.4.1.1.88.34"
_SC = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node that runs, and knows nobody yet."""
    with running_node(tmp_path / "node") as made:
        made.start()
        yield made


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """A modality's AE title, a node and a PACS that gets its results."""

    node: RunningNode
    pacs: Orthanc

    def objects(self) -> list[Dataset]:
        """Return everything that the PACS holds."""
        return [self._dataset(uid) for uid in self.pacs.instances()]

    def results(self) -> tuple[list[Dataset], list[Dataset]]:
        """Return the reports and the overlays that the PACS holds."""
        datasets = self.objects()
        reports = [each for each in datasets if each.SOPClassUID == _SR]
        overlays = [
            each
            for each in datasets
            if each.SOPClassUID == _SC and "DERIVED" in each.get("ImageType", [])
        ]
        return reports, overlays

    def wait_for_reports(self, count: int = 1) -> tuple[list[Dataset], list[Dataset]]:
        """Wait until the PACS holds ``count`` reports and the deliveries have ended."""

        def arrived() -> tuple[list[Dataset], list[Dataset]] | None:
            reports, overlays = self.results()
            return (reports, overlays) if len(reports) >= count else None

        found = self.node.wait_for(f"{count} reports in the PACS", arrived)
        assert found is not None
        return self.results()

    def _dataset(self, uid: str) -> Dataset:
        return dcmread(DicomBytesIO(self.pacs.dataset(uid)))


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    """A running node between a modality and a real Orthanc that runs from ``orthanc/``."""
    with (
        running_node(tmp_path / "node") as made,
        orthanc(tmp_path / "orthanc", node=made.peer) as pacs,
    ):
        made.add_ae("ORTHANC", pacs.peer.port, "pacs", "--destination", "ORTHANC")
        made.add_ae(MODALITY, 104, "modality", "--destination", "ORTHANC", "--quiet-period", "0")
        made.start()
        yield Hospital(node=made, pacs=pacs)
