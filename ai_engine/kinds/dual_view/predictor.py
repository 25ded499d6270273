"""Frontal and lateral radiographs of one study judged together (paper 3, section 3.3).

"Some pathologies are not visible on frontal x-rays, while others can be hidden and can be seen more
clearly with the help of a lateral investigation." The network joins both views where the study has
both; where it has no lateral one, the frontal branch is judged alone, and the result says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ai_engine.errors import ImageRefusedError, ModelFolderError
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.explain import class_activation, heat_map
from ai_engine.inference.input_channels import ChannelSource, channel_remarks, require_sources
from ai_engine.inference.network import Network
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.views import model_image, model_view
from ai_engine.kinds.classifier.predictor import (
    Calibration,
    calibrations_of,
    names_of,
    required_code,
)
from ai_engine.kinds.guard.guard import Appearance, ChestGuard, TagsHint
from ai_engine.library.card import ModelCard
from ai_engine.library.weights_file import read_weights
from ai_engine.prediction import (
    Finding,
    ImagePrediction,
    Prediction,
    Refusal,
    RefusalReason,
    Remark,
    RemarkKind,
)
from ai_engine.preprocessing.geometry import ModelView
from ai_engine.preprocessing.quality import image_quality
from ai_engine.preprocessing.radiograph import Radiograph

FloatArray = npt.NDArray[np.float32]

INPUTS = ("frontal", "lateral", "lateral_present")
BRANCHES = ("frontal", "lateral")
FRONTAL = f"looks like: {Appearance.FRONTAL.value}"
ONE_IS_ENOUGH = "a lateral image is judged only together with a frontal one, and one is enough"
MISSING = "There is no lateral image of this study: the frontal one was judged alone."


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Answer:
    """What the network says of a pair: probabilities (labels,), activations (labels, h, w)."""

    probabilities: FloatArray
    activations: Mapping[str, FloatArray]


class DualViewPredictor:
    """Analyses frontal radiographs with their lateral ones. Safe to call from many threads."""

    def __init__(
        self,
        card: ModelCard,
        network: Network,
        *,
        heads: Mapping[str, FloatArray],
        guard: ChestGuard,
        channels: Sequence[ChannelSource] = (),
    ) -> None:
        """Put the parts together; `load_dual_view` does it from a card.

        Parameters
        ----------
        card
            The model's card.
        network
            Runs the dual branch.
        heads
            The kernel of each branch's own linear head, float32 (channels, labels), for the maps.
        guard
            Decides which images are upright frontal ones.
        channels
            What makes the channels that the card names beside the frontal radiograph.

        Raises
        ------
        ModelFolderError
            If a label has no code, the network isn't a dual branch, or the channels are not the
            card's.
        """
        for label in card.labels:
            required_code(card, label)
        require_sources(card, channels)
        if set(network.inputs) != set(INPUTS):
            raise ModelFolderError(
                f"{card.folder}: a dual view takes {', '.join(INPUTS)}, this network takes "
                f"{', '.join(network.inputs)}; correct the card's architecture"
            )
        self._card = card
        self._network = network
        self._heads = heads
        self._guard = guard
        self._channels = tuple(channels)

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    @property
    def guard(self) -> ChestGuard:
        """What decides which images are upright frontal ones."""
        return self._guard

    def probabilities(self, frontal: Radiograph, lateral: Radiograph | None) -> FloatArray:
        """Probability of each label, float32 (labels,), past the guard: for evaluation."""
        shown = [frontal] if lateral is None else [frontal, lateral]
        return self._run(frontal, [self._view(each) for each in shown]).probabilities

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
            The images that could be read, of all views. The guard decides which are upright frontal
            ones; a lateral one must be called so by its header, and not look frontal.
        refusals
            Images that could not be read; they are handed on.
        calibrations
            The calibration of each image's device, by SOP Instance UID.
        hints
            What the attributes say about an image, by SOP Instance UID.

        Returns
        -------
        Prediction
            Findings on each frontal image that the guard passes, joined with the first lateral one;
            the same findings on that lateral image, with the maps of its branch; remarks on which
            images were judged together.
        """
        called = {uid for uid, hint in (hints or {}).items() if hint.is_lateral}
        laterals = [each for each in radiographs if each.sop_instance_uid in called]
        others = [each for each in radiographs if each.sop_instance_uid not in called]
        passed, refused = self._guard.sort(others, hints)
        lateral, unusable = self._lateral(laterals, wanted=bool(passed))
        images: list[ImagePrediction] = []
        remarks: list[Remark] = []
        chosen = calibrations_of(passed, calibrations)
        for number, (frontal, calibration) in enumerate(zip(passed, chosen, strict=True)):
            uid = frontal.sop_instance_uid
            made = self._analyse(frontal, lateral, calibration)
            images += made if number == 0 else made[:1]
            remarks += [_remark(uid, lateral), *channel_remarks(self._channels, uid)]
        return Prediction(
            model=self._card.identity,
            images=tuple(images),
            refusals=(*refusals, *refused, *unusable),
            calibration=names_of(chosen),
            remarks=tuple(remarks),
        )

    def _lateral(
        self, laterals: Sequence[Radiograph], *, wanted: bool
    ) -> tuple[Radiograph | None, list[Refusal]]:
        """The first image that is called lateral and does not look frontal; why not the others."""
        chosen: Radiograph | None = None
        refused: list[Refusal] = []
        for each in laterals:
            if self._looks_frontal(each):
                reason, detail = RefusalReason.NOT_LATERAL_CHEST, FRONTAL
            elif chosen is None and wanted:
                chosen = each
                continue
            else:
                reason, detail = RefusalReason.UNPAIRED, ONE_IS_ENOUGH
            refused.append(
                Refusal(sop_instance_uid=each.sop_instance_uid, reason=reason, detail=detail)
            )
        return chosen, refused

    def _looks_frontal(self, radiograph: Radiograph) -> bool:
        try:
            self._guard.check(radiograph)
        except ImageRefusedError:
            return False
        return True

    def _analyse(
        self, frontal: Radiograph, lateral: Radiograph | None, calibration: Calibration
    ) -> list[ImagePrediction]:
        """The findings on the frontal image, and the same on the lateral one."""
        shown = [frontal] if lateral is None else [frontal, lateral]
        views = [self._view(each) for each in shown]
        answer = self._run(frontal, views)
        return [
            ImagePrediction(
                sop_instance_uid=each.sop_instance_uid,
                findings=self._findings(answer, branch, view, calibration),
                quality=image_quality(each),
            )
            for each, view, branch in zip(shown, views, BRANCHES, strict=False)
        ]

    def _view(self, radiograph: Radiograph) -> ModelView:
        return model_view(self._card, radiograph)

    def _run(self, frontal: Radiograph, views: Sequence[ModelView]) -> _Answer:
        size = self._card.input_size
        nothing = np.zeros((size, size), np.float32)
        lateral = views[1].values if len(views) > 1 else nothing
        outputs = self._network.run(
            {
                "frontal": model_image(self._card, frontal, views[0], self._channels)[np.newaxis],
                "lateral": lateral[np.newaxis, ..., np.newaxis],
                "lateral_present": np.array([[float(len(views) > 1)]], np.float32),
            }
        )
        # In the order of ai_engine.kinds.dual_view.network: joined, both maps, both branches' own.
        joined, *maps = (outputs[name][0] for name in self._network.outputs)
        activations = {
            branch: class_activation(features, self._heads[branch])
            for branch, features in zip(BRANCHES, maps[:2], strict=True)
        }
        return _Answer(probabilities=joined, activations=activations)

    def _findings(
        self, answer: _Answer, branch: str, view: ModelView, calibration: Calibration
    ) -> tuple[Finding, ...]:
        """Every label's verdict on the study, with the map that one branch makes of its image."""
        found = []
        for column, label in enumerate(self._card.labels):
            point = calibration.point(label)
            score = float(answer.probabilities[column])
            shown = heat_map(
                answer.activations[branch][column], region=view.region, inside=view.mask
            )
            found.append(
                Finding(
                    label=label.name,
                    title=label.title,
                    code=required_code(self._card, label),
                    site=label.site,
                    probability=point.probability(score),
                    threshold=point.threshold,
                    heat_map=shown,
                    score=score,
                )
            )
        return tuple(found)


def load_dual_view(
    card: ModelCard,
    *,
    guard: ChestGuard,
    cache: Path,
    threads: int | None = None,
    channels: Sequence[ChannelSource] = (),
) -> DualViewPredictor:
    """Load a trained dual branch on OpenVINO; converted into ``cache`` first where needed.

    Raises
    ------
    ModelFolderError, BackendError
        If the weights aren't those of the card, or aren't a dual branch's.
    """
    network = OpenVinoNetwork(converted_model(card, cache), threads=threads)
    return DualViewPredictor(
        card, network, heads=branch_heads(card), guard=guard, channels=channels
    )


def branch_heads(card: ModelCard) -> dict[str, FloatArray]:
    """The kernel of each branch's linear head, float32 (channels, labels).

    Raises
    ------
    ModelFolderError
        If the weights have no such heads.
    """
    tensors = read_weights(card.weights_path)
    try:
        return {branch: tensors[f"{branch}_head/kernel"] for branch in BRANCHES}
    except KeyError as error:
        raise ModelFolderError(
            f"{card.weights_path}: has no {error.args[0]}; a dual view needs a head on each branch"
        ) from None


def _remark(frontal: str, lateral: Radiograph | None) -> Remark:
    if lateral is None:
        kind, detail = RemarkKind.LATERAL_MISSING, MISSING
    else:
        kind = RemarkKind.LATERAL_USED
        detail = f"Judged together with the lateral image {lateral.sop_instance_uid}."
    return Remark(kind=kind, sop_instance_uid=frontal, detail=detail)
