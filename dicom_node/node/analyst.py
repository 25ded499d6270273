"""What a worker does: it opens files, decodes, infers and draws. It knows no database.

The node names these methods and never runs them, so what they need is imported where an analyst is
made; `TOOLS` names it for those who make many (`dicom_node.isolation`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from ai_engine.kinds.deciding import Calibration
from ai_engine.prediction import ModelIdentity, Triage
from ai_engine.result import Result
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import AppearanceCheck
from dicom_node.telemetry import configure_logging
from dicom_node.workflow.analysis.evidence_order import EvidenceOrder, MadeEvidence

if TYPE_CHECKING:
    from dicom_node.models.seen import Looked
    from dicom_node.node.analyst_tools import AnalystTools

TOOLS = "dicom_node.node.analyst_tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalystSetup:
    """Makes an analyst, in whatever process it is called; picklable and hashable."""

    settings: NodeSettings
    config_dir: Path

    @classmethod
    def of(cls, settings: NodeSettings, config_dir: Path) -> "AnalystSetup":
        """Take the settings as values: the class that has read them is of this process alone."""
        return cls(settings=NodeSettings(**settings.model_dump()), config_dir=config_dir)

    def __call__(self) -> "Analyst":
        """Make it."""
        return Analyst(self)

    def prepare(self) -> None:
        """Set up a worker's log as the node's."""
        configure_logging(self.settings.log_level, self.settings.log_format)


class Analyst:
    """Runs models and makes evidence; used by one thread at a time."""

    def __init__(self, setup: AnalystSetup) -> None:
        make_tools = resolve_name(f"{TOOLS}:make_tools")
        tools: AnalystTools = make_tools(setup.settings, setup.config_dir)
        self._models, self._making, self._pack = tools.models, tools.making, tools.pack
        self._context = tools.context

    def load(self, models: Iterable[str]) -> dict[str, str]:
        """Load models before the first study comes; return which could not be loaded, and why."""
        self._models.load(models)
        return self._models.unloaded()

    def look(self, instance: ReceivedInstance) -> AppearanceCheck:
        """Say what the pixels of an instance show (`ModelHost.look`)."""
        return self._models.look(instance)

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Triage | None:
        """Say how probably images are not normal (`ModelHost.triage`)."""
        return self._models.triage(model, instances)

    def predict(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        calibrations: Mapping[str, Calibration],
        priors: Sequence[ReceivedInstance] = (),
    ) -> Result:
        """Run a model on images (`ModelHost.predict`)."""
        return self._models.predict(model, instances, calibrations, priors)

    def look_ahead(
        self,
        model: ModelIdentity,
        instance: ReceivedInstance,
        calibrations: Mapping[str, Calibration],
    ) -> "Looked | None":
        """Look at an image for which a model may be asked (`ModelHost.look_ahead`).

        Its overlays are drawn meanwhile, as they will most likely be wanted.
        """
        looked = self._models.look_ahead(model, instance, calibrations)
        if looked is not None:
            self._making.begin(looked.found, instance, self._context())
        return looked

    def make(self, order: EvidenceOrder) -> MadeEvidence:
        """Make the evidence of a job (`EvidenceMaking.make`)."""
        return self._making.make(order)

    def pack(self, source: Path, target: Path, transfer_syntax_uid: str) -> bool:
        """Write an object as it travels (`dicom_node.network.packing`)."""
        try:
            return self._pack(source, target, transfer_syntax_uid)
        except OSError:  # the disk is full, or the source is gone: said of where it is sent
            return False
