"""The reports that the node itself makes, where no worker could: they open no files of images."""

from pkgutil import resolve_name

from dicom_node.workflow.analysis.evidence_order import EvidenceMaker, EvidenceOrder, MadeEvidence
from dicom_node.workflow.ports import ObjectArchive

_MAKING = "dicom_node.workflow.analysis.make_evidence"


class LastResort:
    """Makes evidence without images; the templates are imported at the first that is needed."""

    def __init__(self, archive: ObjectArchive) -> None:
        self._archive = archive

    def make(self, order: EvidenceOrder) -> MadeEvidence:
        """Make it (`EvidenceMaking.make`)."""
        images = resolve_name(f"{_MAKING}:NoImages")()
        making: EvidenceMaker = resolve_name(f"{_MAKING}:EvidenceMaking")(
            archive=self._archive, images=images
        )
        return making.make(order)
