"""Frontal and lateral radiographs of one study judged together (paper 3, section 3.3).

"Some pathologies are not visible on frontal x-rays, while others can be hidden and can be seen more
clearly with the help of a lateral investigation." The network joins both views where the study has
both; where it has no lateral one, the frontal branch is judged alone, and the result says so.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.errors import ModelFolderError
from ai_engine.inference.explain import class_activation, heat_map
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.inference.network import Network
from ai_engine.inference.views import model_image, model_view
from ai_engine.kinds.deciding import Calibration, decided
from ai_engine.kinds.guarding import Guard, TagsHint, guarded, passes
from ai_engine.kinds.predictor import Case, FindingPredictor, Judged, Sorted, on_image
from ai_engine.library.card import ModelCard
from ai_engine.library.weights_file import read_weights
from ai_engine.prediction import Finding, Refusal, RefusalReason, Remark, RemarkKind
from ai_engine.preprocessing.geometry import ModelView
from ai_engine.preprocessing.radiograph import Radiograph

FloatArray = npt.NDArray[np.float32]

INPUTS = ("frontal", "lateral", "lateral_present")
BRANCHES = ("frontal", "lateral")
ONE_IS_ENOUGH = "a lateral image is judged only together with a frontal one, and one is enough"
MISSING = "There is no lateral image of this study: the frontal one was judged alone."


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Answer:
    """What the network says of a pair: probabilities (labels,), activations (labels, h, w)."""

    probabilities: FloatArray
    activations: Mapping[str, FloatArray]


class DualViewPredictor(FindingPredictor):
    """Analyses frontal radiographs with their lateral ones. Safe to call from many threads."""

    def __init__(
        self,
        card: ModelCard,
        network: Network,
        *,
        heads: Mapping[str, FloatArray],
        guard: Guard,
        channels: Sequence[ChannelSource] = (),
    ) -> None:
        """Put the parts together; `ai_engine.kinds.loading.load_predictor` does it from a registry.

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
        super().__init__(card, guard=guard, channels=channels)
        if set(network.inputs) != set(INPUTS):
            raise ModelFolderError(
                f"{card.folder}: a dual view takes {', '.join(INPUTS)}, this network takes "
                f"{', '.join(network.inputs)}; correct the card's architecture"
            )
        self._network = network
        self._heads = heads

    def probabilities(self, frontal: Radiograph, lateral: Radiograph | None) -> FloatArray:
        """Probability of each label, float32 (labels,), past the guard: for evaluation."""
        shown = [frontal] if lateral is None else [frontal, lateral]
        return self._run(frontal, [self._view(each) for each in shown]).probabilities

    def _sorted(
        self, radiographs: Sequence[Radiograph], hints: Mapping[str, TagsHint] | None
    ) -> Sorted:
        """Each upright frontal image, with the first lateral one of the study.

        The guard decides which images are upright frontal ones; a lateral one must be called so by
        its header, and not look frontal.
        """
        called = {uid for uid, hint in (hints or {}).items() if hint.is_lateral}
        laterals = [each for each in radiographs if each.sop_instance_uid in called]
        others = [each for each in radiographs if each.sop_instance_uid not in called]
        passed, refused = guarded(self._guard, others, hints)
        lateral, unusable = self._lateral(laterals, wanted=bool(passed))
        shown = () if lateral is None else (lateral,)
        return Sorted(
            cases=tuple((frontal, *shown) for frontal in passed), refused=(*refused, *unusable)
        )

    def _lateral(
        self, laterals: Sequence[Radiograph], *, wanted: bool
    ) -> tuple[Radiograph | None, list[Refusal]]:
        """The first image that is called lateral and does not look frontal; why not the others."""
        chosen: Radiograph | None = None
        refused: list[Refusal] = []
        for each in laterals:
            if passes(self._guard, each):
                reason = RefusalReason.NOT_LATERAL_CHEST
                detail = f"looks like: {self._guard.sought}"
            elif chosen is None and wanted:
                chosen = each
                continue
            else:
                reason, detail = RefusalReason.UNPAIRED, ONE_IS_ENOUGH
            refused.append(
                Refusal(sop_instance_uid=each.sop_instance_uid, reason=reason, detail=detail)
            )
        return chosen, refused

    def _judge(self, case: Case, calibration: Calibration) -> Judged:
        """The findings on the frontal image, and the same on the lateral one, by its branch's maps.

        A remark says whether both were judged together.
        """
        views = [self._view(each) for each in case]
        answer = self._run(case[0], views)
        return Judged(
            images=tuple(
                on_image(each, self._findings(answer, branch, view, calibration))
                for each, view, branch in zip(case, views, BRANCHES, strict=False)
            ),
            remarks=(_remark(*case),),
        )

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
    ) -> Iterator[Finding]:
        """Every label's verdict on the study, with the map that one branch makes of its image."""
        for column, label in enumerate(self._card.labels):
            shown = heat_map(
                answer.activations[branch][column], region=view.region, inside=view.mask
            )
            score = float(answer.probabilities[column])
            yield decided(self._card, label, score, calibration, heat_map=shown)


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


def _remark(frontal: Radiograph, lateral: Radiograph | None = None) -> Remark:
    if lateral is None:
        kind, detail = RemarkKind.LATERAL_MISSING, MISSING
    else:
        kind = RemarkKind.LATERAL_USED
        detail = f"Judged together with the lateral image {lateral.sop_instance_uid}."
    return Remark(kind=kind, sop_instance_uid=frontal.sop_instance_uid, detail=detail)
