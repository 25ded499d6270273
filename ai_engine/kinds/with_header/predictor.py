"""Lung opacity from pixels and header: paper 4's classifier in use."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError
from ai_engine.inference.explain import class_activation, heat_map
from ai_engine.inference.network import Network
from ai_engine.inference.views import model_view
from ai_engine.kinds.deciding import Calibration, decided
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.predictor import Case, FindingPredictor, Judged, on_image
from ai_engine.library.card import ModelCard
from ai_engine.library.codes import require_codes
from ai_engine.prediction import HeatMap, Remark, RemarkKind
from ai_engine.preprocessing.patient_context import PatientContext
from ai_engine.preprocessing.radiograph import Radiograph

CLASSES = ("normal", "lung opacity", "no lung opacity but not normal")
"""In words, the classes of `ai_engine.models.xception.OPACITY_CLASSES`."""

OPACITY_CLASS = 1

IMAGE = "image"
HEADER = "header"

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Opacity:
    """What the classifier says of one image.

    ``probability`` is the head's, of a lung opacity; ``classes``, float32 (3,), are the image's
    alone, and ``shown`` is where the image looks like the class of opacities.
    """

    probability: float
    classes: FloatArray
    shown: HeatMap


class OpacityClassifier:
    """Runs the network on any radiograph. Build it once; safe to call from many threads."""

    def __init__(self, card: ModelCard, network: Network, *, head: FloatArray) -> None:
        """Put the parts together.

        Parameters
        ----------
        network
            As `ai_engine.kinds.with_header.network` builds it: two inputs, three outputs.
        head
            The kernel of the classes' linear layer, float32 (channels, 3), for the heat map.

        Raises
        ------
        ModelFolderError
            If the label has no code.
        BackendError
            If the network is another one.
        """
        require_codes(card)
        has_both = set(network.inputs) == {IMAGE, HEADER}
        if not has_both or len(network.outputs) != 3 or len(card.labels) != 1:
            raise BackendError(
                f"{card.weights_path}: a classifier with header has the inputs {IMAGE} and "
                f"{HEADER}, three outputs and one label; this one has not: import the model again"
            )
        self._card = card
        self._network = network
        self._head = head[:, OPACITY_CLASS : OPACITY_CLASS + 1]

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    def look(self, radiograph: Radiograph) -> Opacity:
        """Classify an image and its mirror image, each with the header, and take the mean."""
        view = model_view(self._card, radiograph)
        pair = np.stack([view.values, view.values[:, ::-1]])[..., np.newaxis]
        header = np.array([radiograph.patient.values()] * 2, dtype=np.float32)
        made = self._network.run({IMAGE: pair, HEADER: header})
        opacity, classes, features = (made[name] for name in self._network.outputs)
        plain, mirrored = (class_activation(each, self._head)[0] for each in features)
        activation = np.asarray((plain + mirrored[:, ::-1]) / 2, dtype=np.float32)
        return Opacity(
            probability=float(opacity.mean()),
            classes=classes.mean(axis=0),
            shown=heat_map(activation, region=view.region, inside=view.mask),
        )


class OpacityPredictor(FindingPredictor):
    """Says whether radiographs show an opacity, and how header and pixels joined.

    A remark says of each image what its verdict rests on.
    """

    def __init__(self, classifier: OpacityClassifier, *, guard: Guard) -> None:
        super().__init__(classifier.card, guard=guard)
        self._classifier = classifier

    def _judge(self, case: Case, calibration: Calibration) -> Judged:
        (radiograph,) = case
        (label,) = self._card.labels
        look = self._classifier.look(radiograph)
        finding = decided(self._card, label, look.probability, calibration, heat_map=look.shown)
        return Judged(
            images=(on_image(radiograph, (finding,)),), remarks=(_remark(radiograph, look),)
        )


def _remark(radiograph: Radiograph, look: Opacity) -> Remark:
    return Remark(
        kind=RemarkKind.HEADER_JOINED,
        sop_instance_uid=radiograph.sop_instance_uid,
        detail=joined_words(look.classes, radiograph.patient),
    )


def joined_words(classes: FloatArray, patient: PatientContext) -> str:
    """Say what was joined, and what the header lacks, without any of its values."""
    shares = ", ".join(
        f"{name} {100 * float(share):.0f} %" for name, share in zip(CLASSES, classes, strict=True)
    )
    known = [name for name in ("sex", "age", "view position") if name not in patient.unknown]
    words = f"Pixels alone: {shares}. "
    if known:
        words += f"Joined with {_listed(known)} of the header. "
    if patient.unknown:
        words += (
            f"{_listed(patient.unknown).capitalize()} missing or not valid in the header: "
            "taken as unknown. "
        )
    return words.strip()


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
