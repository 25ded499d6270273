"""From radiographs to a prediction: guard, network, thresholds, heat maps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.errors import ModelFolderError
from ai_engine.inference.backend import Activation, Backend
from ai_engine.inference.choice import DEFAULT, BackendChoice, open_backend
from ai_engine.inference.explain import class_activation, heat_map
from ai_engine.inference.input_channels import ChannelSource, channel_remarks, require_sources
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.inference.views import model_batch, model_image, model_view
from ai_engine.kinds.guard.guard import ChestGuard, TagsHint, Veto
from ai_engine.library.card import Label, ModelCard
from ai_engine.library.registry import ModelRegistry
from ai_engine.library.weights_file import read_weights
from ai_engine.prediction import Code, Finding, HeatMap, ImagePrediction, Prediction, Refusal
from ai_engine.preprocessing.geometry import ModelView
from ai_engine.preprocessing.quality import image_quality
from ai_engine.preprocessing.radiograph import Radiograph

CHEST_MODEL = "chest-radiograph"
GUARD_MODEL = "frontal-chest-guard"
VETOES = {"paper2-xray-or-not": "X-ray", "paper2-type": "Chest"}
"""Paper 2's modules I and II, and what each must see. They guard only where they are active."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How one device's probabilities are decided (paper 1, section IV).

    Labels that are not named keep the model's own threshold, and their probability as it is.
    """

    name: str = "model default"
    points: Mapping[str, OperatingPoint] = field(default_factory=dict)

    def point(self, label: Label) -> OperatingPoint:
        """How a label is decided."""
        return self.points.get(label.name) or OperatingPoint(score_threshold=label.threshold)


def calibrations_of(
    radiographs: Sequence[Radiograph], calibrations: Mapping[str, Calibration] | None
) -> tuple[Calibration, ...]:
    """How each image is decided: as its UID is named, else by the model's own thresholds."""
    known = calibrations or {}
    return tuple(known.get(each.sop_instance_uid, Calibration()) for each in radiographs)


def names_of(calibrations: Sequence[Calibration]) -> str:
    """What a result says that it was decided by."""
    return "; ".join(dict.fromkeys(each.name for each in calibrations)) or Calibration().name


class ChestRadiographPredictor:
    """Analyses frontal chest radiographs. Build it once; it is safe to call from many threads."""

    def __init__(
        self,
        card: ModelCard,
        backend: Backend,
        *,
        head: FloatArray,
        guard: ChestGuard,
        channels: Sequence[ChannelSource] = (),
    ) -> None:
        """Put the parts together; `load_predictor` does it from a registry.

        Parameters
        ----------
        card
            The model's card.
        backend
            Runs the model.
        head
            The kernel of its linear head, float32 (channels, labels), for the heat maps.
        guard
            Decides which images the model may see.
        channels
            What makes the channels that the card names beside the radiograph.

        Raises
        ------
        ModelFolderError
            If a label has no code: findings can't be reported without. Or if the channels are not
            the card's.
        """
        for label in card.labels:
            required_code(card, label)
        require_sources(card, channels)
        self._card = card
        self._backend = backend
        self._head = head
        self._guard = guard
        self._channels = tuple(channels)

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

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
        """Analyse the images of one study.

        Parameters
        ----------
        radiographs
            The images that could be read.
        refusals
            Those that couldn't; they are handed on.
        calibrations
            The calibration of each image's device, by SOP Instance UID; the model's own thresholds
            decide those that are not named.
        hints
            What the attributes say about an image, by SOP Instance UID.

        Returns
        -------
        Prediction
            Findings on the images that the guard passes, refusals for the others, in their order;
            a remark on each image that was judged with further channels.
        """
        passed, refused = self._guard.sort(radiographs, hints)
        chosen = calibrations_of(passed, calibrations)
        return Prediction(
            model=self._card.identity,
            images=tuple(map(self._analyse, passed, chosen)),
            refusals=(*refusals, *refused),
            calibration=names_of(chosen),
            remarks=tuple(
                remark
                for image in passed
                for remark in channel_remarks(self._channels, image.sop_instance_uid)
            ),
        )

    def probabilities(self, radiograph: Radiograph) -> FloatArray:
        """Probability of each label, float32 (labels,), past the guard: for evaluation."""
        return self._run(radiograph, model_view(self._card, radiograph))[0]

    def heat_maps(self, radiograph: Radiograph) -> tuple[HeatMap, ...]:
        """The heat map of each label, past the guard: for evaluation."""
        view = model_view(self._card, radiograph)
        return self._heat_maps(view, self._run(radiograph, view)[1])

    def _analyse(self, radiograph: Radiograph, calibration: Calibration) -> ImagePrediction:
        view = model_view(self._card, radiograph)
        probabilities, activations = self._run(radiograph, view)
        findings = tuple(
            self._finding(label, float(probability), shown, calibration)
            for label, probability, shown in zip(
                self._card.labels, probabilities, self._heat_maps(view, activations), strict=True
            )
        )
        return ImagePrediction(
            sop_instance_uid=radiograph.sop_instance_uid,
            findings=findings,
            quality=image_quality(radiograph),
        )

    def _run(self, radiograph: Radiograph, view: ModelView) -> tuple[FloatArray, FloatArray]:
        """Probabilities (labels,) and activation maps (labels, h, w), mirror image averaged in."""
        image = model_image(self._card, radiograph, view, self._channels)
        outputs: Activation = self._backend.predict(model_batch(self._card, image))
        maps = [class_activation(features, self._head) for features in outputs.features]
        maps[1:] = [mirrored[..., ::-1] for mirrored in maps[1:]]
        return outputs.probabilities.mean(axis=0), np.mean(maps, axis=0, dtype=np.float32)

    @staticmethod
    def _heat_maps(view: ModelView, activations: FloatArray) -> tuple[HeatMap, ...]:
        return tuple(
            heat_map(activation, region=view.region, inside=view.mask) for activation in activations
        )

    def _finding(
        self, label: Label, score: float, shown: HeatMap, calibration: Calibration
    ) -> Finding:
        point = calibration.point(label)
        return Finding(
            label=label.name,
            title=label.title,
            code=required_code(self._card, label),
            site=label.site,
            probability=point.probability(score),
            threshold=point.threshold,
            heat_map=shown,
            score=score,
        )


def load_predictor(
    registry: ModelRegistry,
    versions: Mapping[str, str],
    *,
    cache: Path,
    choice: BackendChoice = DEFAULT,
    threads: int | None = None,
    channels: Sequence[ChannelSource] = (),
) -> ChestRadiographPredictor:
    """Load the active chest model, and its guard on OpenVINO.

    Parameters
    ----------
    registry
        Where the models are.
    versions
        The active version of each model (`ai_engine.library.registry.read_active_versions`).
    cache
        Folder for the models' OpenVINO form; made on the first call, in about ten seconds.
    choice
        What runs the chest model. The guard is small and always runs on OpenVINO in float32.
    threads
        Threads of one inference; None uses all cores.
    channels
        What makes the channels that the chest model's card names
        (`ai_engine.kinds.channels.channel_loading`).

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If a model isn't installed, is damaged or can't be converted, or the back end can't be used.
    """
    card = registry.active(versions, CHEST_MODEL)
    guard = load_guard(registry, versions, cache=cache, threads=threads)
    backend = open_backend(card, choice, cache=cache, threads=threads)
    return ChestRadiographPredictor(
        card, backend, head=head_kernel(card), guard=guard, channels=channels
    )


def load_guard(
    registry: ModelRegistry, versions: Mapping[str, str], *, cache: Path, threads: int | None = None
) -> ChestGuard:
    """Load the active guard on OpenVINO, with those of `VETOES` that are active.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If a model isn't installed, is damaged or can't be converted.
    """
    vetoes = []
    for name, expected in VETOES.items():
        if name in versions:
            module = registry.active(versions, name)
            backend = OpenVinoBackend.load(module, cache=cache, threads=threads)
            vetoes.append(Veto(module, backend, expected=expected))
    card = registry.active(versions, GUARD_MODEL)
    return ChestGuard(card, OpenVinoBackend.load(card, cache=cache, threads=1), vetoes)


def head_kernel(card: ModelCard) -> FloatArray:
    """The kernel of a model's linear head, float32 (channels, labels), as the weights store it.

    Raises
    ------
    ModelFolderError
        If the weights have no such head; such a model needs Grad-CAM's general form.
    """
    tensors = read_weights(card.weights_path)
    if "head/kernel" not in tensors:
        raise ModelFolderError(
            f"{card.weights_path}: has no linear head (head/kernel); heat maps in closed form "
            "need one"
        )
    return tensors["head/kernel"]


def required_code(card: ModelCard, label: Label) -> Code:
    """The code that a label is reported with.

    Raises
    ------
    ModelFolderError
        If its card gives none: findings can't be reported without.
    """
    if label.code is None:
        raise ModelFolderError(
            f"{card.folder}: label {label.name!r} has no code; add it to its card"
        )
    return label.code
