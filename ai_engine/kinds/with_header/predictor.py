"""Lung opacity from pixels and header: paper 4's classifier in use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError
from ai_engine.inference.explain import class_activation, heat_map
from ai_engine.inference.network import Network
from ai_engine.inference.views import model_view
from ai_engine.kinds.classifier.predictor import (
    Calibration,
    calibrations_of,
    names_of,
    required_code,
)
from ai_engine.kinds.guard.guard import ChestGuard, TagsHint
from ai_engine.library.card import ModelCard
from ai_engine.prediction import (
    Finding,
    HeatMap,
    ImagePrediction,
    Prediction,
    Refusal,
    Remark,
    RemarkKind,
)
from ai_engine.preprocessing.patient_context import PatientContext
from ai_engine.preprocessing.quality import image_quality
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
        for label in card.labels:
            required_code(card, label)
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


class OpacityPredictor:
    """Says whether frontal chest radiographs show an opacity, and how header and pixels joined."""

    def __init__(self, classifier: OpacityClassifier, *, guard: ChestGuard) -> None:
        self._classifier = classifier
        self._guard = guard

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._classifier.card

    @property
    def guard(self) -> ChestGuard:
        """What decides which images the model may see."""
        return self._guard

    def predict(
        self,
        radiographs: Sequence[Radiograph],
        *,
        refusals: Sequence[Refusal] = (),
        calibrations: Mapping[str, Calibration] | None = None,
        hints: Mapping[str, TagsHint] | None = None,
    ) -> Prediction:
        """Analyse the images of one study; a remark says of each what its verdict rests on."""
        passed, refused = self._guard.sort(radiographs, hints)
        chosen = calibrations_of(passed, calibrations)
        looks = [self._classifier.look(each) for each in passed]
        return Prediction(
            model=self.card.identity,
            images=tuple(map(self._verdict, passed, looks, chosen)),
            refusals=(*refusals, *refused),
            calibration=names_of(chosen),
            remarks=tuple(map(_remark, passed, looks)),
        )

    def _verdict(
        self, radiograph: Radiograph, look: Opacity, calibration: Calibration
    ) -> ImagePrediction:
        (label,) = self.card.labels
        point = calibration.point(label)
        finding = Finding(
            label=label.name,
            title=label.title,
            code=required_code(self.card, label),
            site=label.site,
            probability=point.probability(look.probability),
            threshold=point.threshold,
            heat_map=look.shown,
            score=look.probability,
        )
        return ImagePrediction(
            sop_instance_uid=radiograph.sop_instance_uid,
            findings=(finding,),
            quality=image_quality(radiograph),
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
