"""What an analyst works with: networks, decoders, templates. Imported where analysts are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dicom_node.configuration.settings import NodeSettings
from dicom_node.models.host import ModelHost
from dicom_node.network.packing import pack
from dicom_node.node.archives import archives_of
from dicom_node.node.clock import utc_now
from dicom_node.node.identity import evidence_context
from dicom_node.workflow.analysis.make_evidence import EvidenceMaking
from sr_templates.context import EvidenceContext


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystTools:
    """The models, what makes evidence of what they say, and what packs that for its way.

    ``context`` is how evidence is made that is begun now.
    """

    models: ModelHost
    making: EvidenceMaking
    context: Callable[[], EvidenceContext]
    pack: Callable[[Path, Path, str], bool]


def make_tools(settings: NodeSettings, config_dir: Path) -> AnalystTools:
    """Make them over the archives; no model is loaded yet."""
    objects = archives_of(settings, clock=utc_now).objects
    models = ModelHost(settings, config_dir, objects)
    return AnalystTools(
        models=models,
        making=EvidenceMaking(archive=objects, images=models),
        context=lambda: evidence_context(settings, utc_now()),
        pack=pack,
    )
