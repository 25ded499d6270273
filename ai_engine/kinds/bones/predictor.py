"""From radiographs to their bones: guard, generator, place on the source."""

from collections.abc import Sequence

import numpy as np

from ai_engine.errors import BackendError
from ai_engine.inference.network import Network
from ai_engine.kinds.bones.prediction import BoneImage, BonePrediction, packed
from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.predictor import Case, GuardedPredictor
from ai_engine.library.card import ModelCard
from ai_engine.prediction import Refusal
from ai_engine.preprocessing.geometry import FittedView, FloatImage, fitted
from ai_engine.preprocessing.radiograph import Radiograph


class BoneSubtractor:
    """Draws the bones of any radiograph. Build it once; safe to call from many threads.

    Its network is the generator of `ai_engine.kinds.bones.network`: a radiograph from -1 to 1 in,
    bone images from -1 to 1 out, the finest one last.
    """

    def __init__(self, card: ModelCard, network: Network) -> None:
        """Put card and network together.

        Raises
        ------
        BackendError
            If the network takes more than an image.
        """
        if len(network.inputs) != 1:
            raise BackendError(
                f"{card.weights_path}: a bone generator takes one image, this network takes "
                f"{', '.join(network.inputs)}; import the model again"
            )
        self._card = card
        self._network = network

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    def draw(self, radiograph: Radiograph) -> BoneImage:
        """Draw the bones of one radiograph, the mean over the image and its mirror image."""
        view = fitted(
            radiograph.pixels,
            size=self._card.input_size,
            content=radiograph.content,
            aspect_ratio=radiograph.aspect_ratio,
        )
        return BoneImage(
            sop_instance_uid=radiograph.sop_instance_uid,
            packed=packed(self._bones(view)),
            region=view.region,
        )

    def _bones(self, view: FittedView) -> FloatImage:
        pair = np.stack([view.values, view.values[:, ::-1]])[..., np.newaxis] * 2 - 1
        made = self._network.run({self._network.inputs[0]: pair.astype(np.float32)})
        shown, mirrored = made[self._network.outputs[-1]][..., 0]
        mean = (shown + mirrored[:, ::-1]) / 2
        return np.asarray((mean + 1) / 2 * view.mask, dtype=np.float32)


class BonePredictor(GuardedPredictor[BonePrediction]):
    """Draws the bones of radiographs, by a generator behind the guard."""

    def __init__(self, subtractor: BoneSubtractor, *, guard: Guard) -> None:
        super().__init__(subtractor.card, guard=guard)
        self._subtractor = subtractor

    def _made(
        self,
        cases: Sequence[Case],
        calibrations: Sequence[Calibration],
        refusals: tuple[Refusal, ...],
    ) -> BonePrediction:
        """The bones on each image; there is nothing that a device calibrates."""
        del calibrations
        return BonePrediction(
            model=self._card.identity,
            images=tuple(self._subtractor.draw(radiograph) for (radiograph,) in cases),
            refusals=refusals,
        )
