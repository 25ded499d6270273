"""What acceptance tests start from: a node, and a real Orthanc paired with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO
from pydicom.uid import generate_uid

from tests.acceptance.running import RunningNode, running_node
from tests.peers.orthanc import Orthanc, orthanc
from tests.schema import schemas_copied

MODALITY = "CR1"
_SR = "1.2.840.10008.5.1.4.1.1.88.34"
_SC = "1.2.840.10008.5.1.4.1.1.7"


@pytest.fixture(autouse=True, scope="module")
def _soon() -> Iterator[None]:
    """Copy the schema where a test administers a node first; another migrates as it starts."""
    with schemas_copied():
        yield


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    """A node that runs, and knows nobody yet."""
    with running_node(tmp_path / "node") as made:
        made.start()
        yield made


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """A modality's AE title, a node and a PACS that gets its results.

    ``studies`` are a test's own; where it names none, the whole hospital is its own.
    """

    node: RunningNode
    pacs: Orthanc
    studies: set[str] = field(default_factory=set)
    fetched: dict[str, Dataset] = field(default_factory=dict)

    def fresh(self, source: Path, folder: Path) -> Path:
        """Write a file as a study of its own, which is then the test's."""
        dataset = dcmread(source)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        path = folder / f"{dataset.SOPInstanceUID}.dcm"
        dataset.save_as(path)
        self.studies.add(dataset.StudyInstanceUID)
        return path

    def objects(self) -> list[Dataset]:
        """Return what the PACS holds of the test's studies."""
        held = [self._dataset(uid) for uid in self.pacs.instances()]
        return [each for each in held if not self.studies or each.StudyInstanceUID in self.studies]

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

    def wait_for_reports(
        self, count: int = 1, *, destination: str = "ORTHANC"
    ) -> tuple[list[Dataset], list[Dataset]]:
        """Wait until the PACS holds ``count`` reports and what goes to ``destination`` is there."""

        def arrived() -> tuple[list[Dataset], list[Dataset]] | None:
            reports, overlays = self.results()
            return (reports, overlays) if len(reports) >= count else None

        found = self.node.wait_for(f"{count} reports in the PACS", arrived)
        assert found is not None
        # Reports go first: what belongs to them follows.
        self.node.wait_for("all that goes to the PACS", lambda: not self.node.owes(destination))
        return self.results()

    def _dataset(self, uid: str) -> Dataset:
        if uid not in self.fetched:
            self.fetched[uid] = dcmread(DicomBytesIO(self.pacs.dataset(uid)))
        return self.fetched[uid]


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    """A hospital for a test that stops it, changes it, or looks at all there is."""
    with _hospital(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def open_hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    """One hospital for the whole session: use ``shared_hospital``."""
    with _hospital(tmp_path_factory.mktemp("hospital")) as made:
        yield made


@pytest.fixture
def shared_hospital(open_hospital: Hospital) -> Hospital:
    """A hospital at work: a test names its studies, and sees no others."""
    return Hospital(
        node=open_hospital.node,
        pacs=open_hospital.pacs,
        studies={"none yet"},
        fetched=open_hospital.fetched,
    )


@contextmanager
def _hospital(folder: Path) -> Iterator[Hospital]:
    """A running node between a modality and a real Orthanc that runs from ``orthanc/``."""
    with (
        running_node(folder / "node") as made,
        orthanc(folder / "orthanc", node=made.peer) as pacs,
    ):
        made.add_ae("ORTHANC", pacs.peer.port, "pacs", "--destination", "ORTHANC")
        made.add_ae(MODALITY, 104, "modality", "--destination", "ORTHANC", "--quiet-period", "0")
        made.start()
        yield Hospital(node=made, pacs=pacs)
