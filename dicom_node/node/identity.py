"""What the node says of itself in results, as its settings have it."""

from datetime import datetime

from ai_engine.prediction import ModelIdentity
from dicom_node import __version__
from dicom_node.configuration.settings import NodeSettings
from dicom_node.workflow.analysis.unrouted import routing_identity
from sr_templates.context import EvidenceContext


def evidence_context(settings: NodeSettings, made_at: datetime) -> EvidenceContext:
    """Return what every result object says about the node."""
    return EvidenceContext(
        manufacturer=settings.evidence.manufacturer,
        model_name="dicom-node",
        software_version=__version__,
        device_serial_number=settings.evidence.device_serial_number,
        content_datetime=made_at,
        institution_name=settings.evidence.institution or None,
        series_number_base=settings.evidence.series_number_base,
        max_overlay_side=settings.evidence.overlay_max_side,
    )


def routing_of(settings: NodeSettings) -> ModelIdentity:
    """Return who says why a study has no result."""
    return routing_identity(version=__version__, manufacturer=settings.evidence.manufacturer)
