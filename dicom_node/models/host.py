"""The models that routes may name, loaded and run on objects of the archive."""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ai_engine.ct.display import shown_range
from ai_engine.errors import ImageRefusedError
from ai_engine.inference.haste import in_haste
from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.kind import Reads
from ai_engine.kinds.lungs.segmenter import LungFields
from ai_engine.kinds.registry import Part, kind_of
from ai_engine.kinds.shipped import GUARD_MODEL
from ai_engine.kinds.triage.triage import TriageModel
from ai_engine.library.card import ModelCard
from ai_engine.prediction import (
    ModelIdentity,
    Triage,
)
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.result import Result
from dicom_node.archive.objects import DicomObjects
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import AppearanceCheck
from dicom_node.errors import NodeError
from dicom_node.models.appearance import look_at
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.models.ct import CtModels
from dicom_node.models.images import RadiographFiles, pixels_of
from dicom_node.models.parts import ModelParts
from dicom_node.models.programs import ProgramModels
from dicom_node.models.radiographs import RadiographModels
from dicom_node.models.seen import Looked, sight_of

_LOG = logging.getLogger(__name__)
NO_CALIBRATIONS: Mapping[str, Calibration] = MappingProxyType({})


class ModelHost:
    """Runs models on received instances; safe to call from several threads."""

    def __init__(
        self,
        settings: NodeSettings,
        config_dir: Path,
        objects: DicomObjects,
    ) -> None:
        self._objects = objects
        self._cards = ModelCards(config_dir, settings.models_dir)
        self._parts = ModelParts(settings, self._cards)
        self._files = RadiographFiles(objects)
        self._ct = CtModels(objects, cache=settings.cache_dir, threads=settings.inference.threads)
        self._programs = ProgramModels(objects, read=self._files.radiograph)
        self._radiographs = RadiographModels(self._cards, self._parts, self._files)
        self._unloaded: dict[str, str] = {}
        self._looking = threading.Lock()

    def load(self, names: Iterable[str]) -> None:
        """Load the active versions of models, so that the first study does not wait for it.

        One that cannot be loaded is named in the log: its own studies fail and say why, and what
        other models look at is received and analysed.
        """
        for name in names:
            try:
                self._load(self._cards.active(name))
                self._unloaded.pop(name, None)
            except NodeError as error:
                self._unloaded[name] = str(error)
                _LOG.error("model not loaded model=%s reason=%r", name, str(error))

    def unloaded(self) -> dict[str, str]:
        """Return which models could not be loaded, and why."""
        return dict(self._unloaded)

    def _load(self, card: ModelCard) -> None:
        match kind_of(card).reads:
            case Reads.CT_STUDY:
                self._ct.load(card)
            case Reads.FOLDER:
                self._programs.load(self._parts.loading(card))
            case Reads.RADIOGRAPHS:
                self._radiographs.load(card.identity)

    def identity(self, model: str) -> ModelIdentity:
        """Return which version of ``model`` is active now."""
        return self._cards.identity(model)

    def look(self, instance: ReceivedInstance) -> AppearanceCheck:
        """Let the guard say what an instance shows whose tags are missing or doubtful.

        Raises
        ------
        ModelUnavailableError
            When the guard, or the file, cannot be used.
        """
        guard = self._guard()
        path = self._objects.source_path(instance.path)
        # One at a time: routing has no slots, and a radiograph takes a hundred megabytes.
        with self._looking:
            return look_at(guard, instance, path, lambda: self._files.radiograph(instance))

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Triage | None:
        """Say how probably radiographs are not normal; None where no triage model is active.

        Raises
        ------
        ModelUnavailableError
            When the triage model, the guard or a file cannot be used.
        """
        if kind_of(self._cards.card(model)).reads is not Reads.RADIOGRAPHS:
            return None
        card = self._cards.active_with(Part.TRIAGE)
        if card is None:
            return None
        triage: TriageModel = self._parts.helper(Part.TRIAGE, card)
        images: list[Radiograph] = []
        # One at a time, as with ``look``: what comes in at once has no slots yet.
        with self._looking:
            taken = 0
            for instance in self._files.exposures(instances).analysed:
                with suppress(ImageRefusedError):
                    taken += pixels_of(instance, taken)
                    images.append(self._files.radiograph(instance))
            return triage.assess(images)

    def _guard(self) -> Guard:
        """The active chest guard, with the modules that have a veto."""
        guard: Guard = self._parts.helper(Part.GUARD, self._cards.active(GUARD_MODEL))
        return guard

    def predict(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        calibrations: Mapping[str, Calibration] = NO_CALIBRATIONS,
        priors: Sequence[ReceivedInstance] = (),
    ) -> Result:
        """Run ``model`` on ``instances``; images that cannot be read are refused, each by reason.

        A job keeps the version it was planned with, also when another one was promoted since.
        ``calibrations`` decide images by SOP Instance UID; the model's own thresholds the others.
        ``priors`` are images of earlier studies, for a program that wants them.

        Raises
        ------
        AwayError
            When what runs the model elsewhere is away.
        ModelUnavailableError
            When the model cannot be loaded, or fails.
        """
        card = self._cards.card(model)
        match kind_of(card).reads:
            case Reads.CT_STUDY:
                return self._ct.predict(card, instances)
            case Reads.FOLDER:
                return self._programs.predict(
                    self._parts.loading(card), instances, calibrations, priors
                )
            case Reads.RADIOGRAPHS:
                return self._radiographs.predict(model, instances, calibrations)

    def look_ahead(
        self,
        model: ModelIdentity,
        instance: ReceivedInstance,
        calibrations: Mapping[str, Calibration] = NO_CALIBRATIONS,
    ) -> Looked | None:
        """Look at a radiograph before anybody asks: the same is found when somebody does.

        Returns what is found; None where the model looks at something else.

        Raises
        ------
        NodeError
            As `predict` does; it is asked again then.
        """
        card = self._cards.card(model)
        if kind_of(card).reads is not Reads.RADIOGRAPHS:
            return None
        sight = sight_of(model, card, self._cards.versions, (instance,), calibrations)
        with in_haste():  # nobody else waits for a worker
            found = self._radiographs.predict(model, (instance,), calibrations)
        return Looked(sight=sight, found=found)

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return an analysed image as displayed: (rows, columns), 0 to 1, bright is dense."""
        if instance.header.modality == "CT":
            return self._ct.display_pixels(instance, frame_number)
        return self._displayed(instance).pixels

    def value_range(self, instance: ReceivedInstance) -> tuple[float, float]:
        """Return the values, after the modality LUT, that show an analysed radiograph well."""
        if instance.header.modality == "CT":
            return shown_range()
        return self._displayed(instance).value_range

    def lungs(self, instance: ReceivedInstance) -> LungFields | None:
        """Outline the lungs on an analysed image; None, and a word in the log, where none can."""
        return self._radiographs.lungs(instance)

    def _displayed(self, instance: ReceivedInstance) -> Radiograph:
        """An image to be drawn: somebody else's program may have looked at what cannot be."""
        try:
            return self._files.radiograph(instance)
        except ImageRefusedError as error:
            raise ModelUnavailableError(
                f"an image of the result cannot be drawn: {error}"
            ) from error
