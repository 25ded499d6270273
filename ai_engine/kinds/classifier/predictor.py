"""From radiographs to findings with heat maps: a classifier with a linear head."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.inference.backend import Activation, Backend
from ai_engine.inference.explain import class_activation, heat_map, on_both_sides
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.inference.views import model_batch, model_image, model_view
from ai_engine.kinds.deciding import Calibration, decided
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.predictor import Case, FindingPredictor, Judged, on_image
from ai_engine.library.card import ModelCard
from ai_engine.models.catalogue import looks_right
from ai_engine.prediction import HeatMap
from ai_engine.preprocessing.geometry import ModelView
from ai_engine.preprocessing.radiograph import Radiograph

FloatArray = npt.NDArray[np.float32]


class ChestRadiographPredictor(FindingPredictor):
    """Analyses radiographs one by one. Build it once; it is safe to call from many threads."""

    def __init__(
        self,
        card: ModelCard,
        backend: Backend,
        *,
        head: FloatArray,
        guard: Guard,
        channels: Sequence[ChannelSource] = (),
    ) -> None:
        """Put the parts together; `ai_engine.kinds.loading.load_predictor` does it from a registry.

        Parameters
        ----------
        backend
            Runs the model.
        head
            The kernel of its linear head, float32 (channels, labels), for the heat maps.
        card, guard, channels
            Those of `FindingPredictor`.

        Raises
        ------
        ModelFolderError
            If a label has no code, or the channels are not the card's.
        """
        super().__init__(card, guard=guard, channels=channels)
        self._backend = backend
        self._head = head
        self._looks_right = looks_right(card.architecture)

    def probabilities(self, radiograph: Radiograph) -> FloatArray:
        """Probability of each label, float32 (labels,), past the guard: for evaluation."""
        return self._run(radiograph, model_view(self._card, radiograph))[0]

    def heat_maps(self, radiograph: Radiograph) -> tuple[HeatMap, ...]:
        """The heat map of each label, past the guard: for evaluation."""
        view = model_view(self._card, radiograph)
        return self._heat_maps(view, self._run(radiograph, view)[1])

    def _judge(self, case: Case, calibration: Calibration) -> Judged:
        (radiograph,) = case
        view = model_view(self._card, radiograph)
        probabilities, activations = self._run(radiograph, view)
        findings = (
            decided(self._card, label, float(probability), calibration, heat_map=shown)
            for label, probability, shown in zip(
                self._card.labels, probabilities, self._heat_maps(view, activations), strict=True
            )
        )
        return Judged(images=(on_image(radiograph, findings),))

    def _run(self, radiograph: Radiograph, view: ModelView) -> tuple[FloatArray, FloatArray]:
        """Probabilities (labels,) and activation maps (labels, h, w), mirror image averaged in."""
        image = model_image(self._card, radiograph, view, self._channels)
        outputs: Activation = self._backend.predict(model_batch(self._card, image))
        maps = [class_activation(features, self._head) for features in outputs.features]
        shown = on_both_sides(np.stack(maps), self._looks_right)
        return outputs.probabilities.mean(axis=0), shown

    @staticmethod
    def _heat_maps(view: ModelView, activations: FloatArray) -> tuple[HeatMap, ...]:
        return tuple(
            heat_map(activation, region=view.region, inside=view.mask) for activation in activations
        )
