"""A fitting for tests of other stages: destinations take everything."""

from pathlib import Path

from dicom_node.archive import ArchiveSettings, StorageArchive
from dicom_node.archive.objects import DicomObjects
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.workflow.delivery.fit import Fitting
from dicom_node.workflow.ports import Clock
from dicom_node.workflow.testing.fakes import FakeAcceptance, FakeSubstitutes


def fitting(
    hotbase: Hotbase, deliveries: DeliveryStore, clock: Clock, root: Path = Path("/nonexistent")
) -> Fitting:
    """Return a fitting that has nothing to do, and so reads and writes no files."""
    archive = StorageArchive(ArchiveSettings(root=root))
    return Fitting(
        results=hotbase,
        deliveries=deliveries,
        substitutes=FakeSubstitutes(),
        archive=DicomObjects(received=archive, evidence=archive, ae_title="AINODE", clock=clock),
        acceptance=FakeAcceptance(),
        clock=clock,
    )
