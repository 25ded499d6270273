"""From radiographs to findings by a network of somebody else: guard, input, answer, places."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ai_engine.errors import ModelFolderError
from ai_engine.inference.explain import heat_map
from ai_engine.kinds.boxes import cut, on_source, suppressed
from ai_engine.kinds.deciding import Calibration, decided
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.predictor import Case, FindingPredictor, Judged, on_image
from ai_engine.kinds.vendor.answer import Answered, checked
from ai_engine.kinds.vendor.asking import Asked
from ai_engine.kinds.vendor.input import NetworkInput, network_input
from ai_engine.library.card import CARD_NAME, ModelCard
from ai_engine.library.tensors import Tensors
from ai_engine.prediction import Finding, FoundBox
from ai_engine.preprocessing.radiograph import Radiograph

LOWEST_SCORE = 0.01
"""Boxes below it are noise of the thousands of places that a detector looks at."""


class VendorPredictor(FindingPredictor):
    """Judges radiographs one by one. Safe to call from many threads."""

    def __init__(self, card: ModelCard, asked: Asked, *, guard: Guard) -> None:
        """Put the parts together.

        Raises
        ------
        ModelFolderError
            If a label has no code, or the card has no table of tensors.
        """
        super().__init__(card, guard=guard)
        self._asked = asked
        self._tensors = required_tensors(card)

    def probabilities(self, radiograph: Radiograph) -> npt.NDArray[np.float32]:
        """Probability of each label, float32 (labels,), past the guard: for evaluation."""
        _, answered, _ = self._answered(radiograph)
        if answered.probabilities is not None:
            return answered.probabilities
        scores = (
            np.zeros((0, len(self._card.labels))) if answered.scores is None else answered.scores
        )
        return np.asarray(scores.max(axis=0, initial=0.0), dtype=np.float32)

    def _judge(self, case: Case, calibration: Calibration) -> Judged:
        (radiograph,) = case
        shown, answered, told_by = self._answered(radiograph)
        findings = tuple(self._findings(shown, answered, radiograph, calibration))
        return Judged(
            images=(on_image(radiograph, findings),), parameters=(told_by,) if told_by else ()
        )

    def _answered(self, radiograph: Radiograph) -> tuple[NetworkInput, Answered, str]:
        shown = network_input(self._card, self._tensors, radiograph)
        answer = self._asked.answer(shown.values)
        answered = checked(self._card, self._tensors, answer.tensors)
        return shown, answered, self._asked.told_by(answer)

    def _findings(
        self,
        shown: NetworkInput,
        answered: Answered,
        radiograph: Radiograph,
        calibration: Calibration,
    ) -> Iterator[Finding]:
        for number, label in enumerate(self._card.labels):
            if answered.boxes is not None and answered.scores is not None:
                boxes = self._boxes(answered.boxes, answered.scores[:, number], shown, radiograph)
                score = boxes[0].probability if boxes else 0.0
                yield decided(self._card, label, score, calibration, boxes=boxes)
            elif answered.probabilities is not None:
                seen = None
                if answered.heat_maps is not None:
                    # What speaks against a label is no place of it.
                    activation = np.maximum(answered.heat_maps[number], 0)
                    seen = heat_map(activation, region=shown.region, inside=shown.mask)
                score = float(answered.probabilities[number])
                yield decided(self._card, label, score, calibration, heat_map=seen)

    def _boxes(
        self,
        boxes: npt.NDArray[np.float32],
        scores: npt.NDArray[np.float32],
        shown: NetworkInput,
        radiograph: Radiograph,
    ) -> tuple[FoundBox, ...]:
        found = (
            FoundBox(
                region=on_source(boxes[row].tolist(), shown.region, self._card.input_size),
                probability=float(scores[row]),
            )
            for row in suppressed(boxes, scores, lowest=LOWEST_SCORE)
        )
        shape = {"rows": radiograph.rows, "columns": radiograph.columns}
        return tuple(part for box in found if (part := cut(box, **shape)) is not None)


def required_tensors(card: ModelCard) -> Tensors:
    """What a card says that its network takes and gives.

    Raises
    ------
    ModelFolderError
        If it doesn't say, or has no labels or no input size.
    """
    path = card.folder / CARD_NAME
    if card.tensors is None:
        raise ModelFolderError(f"{path}: a {card.kind} needs a table [tensors]; correct the card")
    if not card.labels or card.input_size <= 0:
        raise ModelFolderError(
            f"{path}: a {card.kind} needs input_size and at least one label; correct the card"
        )
    return card.tensors
