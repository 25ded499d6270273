"""The two archives of a node, as every process of it opens them; no database is needed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydicom import Dataset

from dicom_node.archive.objects import DicomObjects, SummarisedObjects
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.archive_settings import archive_settings, writer_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Archives:
    """What was received, and what was made of it."""

    received: StorageArchive
    evidence: StorageArchive
    objects: DicomObjects
    summaries: SummarisedObjects


def archives_of(
    settings: NodeSettings,
    *,
    clock: Callable[[], datetime],
    amended: Callable[[Dataset], Dataset] = lambda header: header,
) -> Archives:
    """Return the archives below the data folder, neither opened nor cleaned.

    ``amended`` adds to received headers what is known beside them.
    """
    both = {
        "received": StorageArchive(archive_settings(settings)),
        "evidence": StorageArchive(
            ArchiveSettings(
                root=settings.evidence_dir, min_free_bytes=0, writer=writer_of(settings)
            )
        ),
    }
    title = settings.network.ae_title
    return Archives(
        **both,
        objects=DicomObjects(**both, ae_title=title, clock=clock, amended=amended),
        summaries=SummarisedObjects(**both, ae_title=title, clock=clock, amended=amended),
    )
