"""The models that look at CT studies, run on objects of the archive."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.ct.display import displayed_slice
from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.predictor import CtPredictor
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.errors import AiEngineError, InflatesTooFarError
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity
from ai_engine.preprocessing.decoding import DECODING_ERRORS
from dicom_node.archive.object_file import read_object
from dicom_node.archive.objects import DicomObjects
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.isolation.memory import give_back_memory
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.models.loaded import LoadedModels

_THREADS = 2


class CtModels:
    """Runs CT models on received instances; safe to call from several threads."""

    def __init__(self, objects: DicomObjects, *, cache: Path, threads: int) -> None:
        """Keep where objects and converted models are.

        ``threads`` is how many one study may use, 0 for the default.
        """
        self._objects = objects
        self._cache = cache
        self._threads = threads or _THREADS
        self._predictors: LoadedModels[ModelIdentity, CtPredictor] = LoadedModels()

    def load(self, card: ModelCard) -> CtPredictor:
        """Return the predictor of a card, made when it is first asked for.

        Raises
        ------
        ModelUnavailableError
            When the card is not of the method that this program holds, or its weights cannot be
            used.
        """
        return self._predictors.get(card.identity, lambda: self._loaded(card))

    def _loaded(self, card: ModelCard) -> CtPredictor:
        loading = Loading(card=card, cache=self._cache, threads=self._threads)
        try:
            predictor: CtPredictor = part(card, Part.PREDICTOR)(loading)
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        return predictor

    def predict(self, card: ModelCard, instances: Sequence[ReceivedInstance]) -> CtPrediction:
        """Run the model of a card on a study; what cannot be measured is refused with the reason.

        Raises
        ------
        ModelUnavailableError
            When the model or a file cannot be used at all.
        """
        predictor = self.load(card)
        paths = {each.sop_instance_uid: self._objects.source_path(each.path) for each in instances}
        try:
            headers = [_read(path, pixels=False) for path in paths.values()]
        except CtRefusedError as error:
            raise ModelUnavailableError(str(error)) from error
        try:
            return predictor.predict(headers, lambda uid: _read(paths[uid], pixels=True))
        finally:
            give_back_memory()

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None
    ) -> npt.NDArray[np.float32]:
        """Return a slice in the lung window: (rows, columns), 0 to 1."""
        dataset = _read(self._objects.source_path(instance.path), pixels=True)
        return displayed_slice(dataset, frame_number)


def _read(path: Path, *, pixels: bool) -> Dataset:
    try:
        return read_object(path, stop_before_pixels=not pixels)
    except OSError as error:
        raise ModelUnavailableError(
            f"{path} cannot be read ({error.strerror}): was it removed from the archive?"
        ) from error
    except InflatesTooFarError as error:
        raise CtRefusedError(CtRefusalReason.UNDECODABLE, str(error)) from error
    except DECODING_ERRORS as error:
        raise CtRefusedError(
            CtRefusalReason.UNDECODABLE, "a file is damaged; send the series again"
        ) from error
