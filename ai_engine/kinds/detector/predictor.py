"""From radiographs to boxes: guard, network, suppression, thresholds, places on the source."""

import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError
from ai_engine.inference.network import Network
from ai_engine.inference.views import model_view
from ai_engine.kinds.boxes import cut, on_source, suppressed
from ai_engine.kinds.deciding import Calibration, decided
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.predictor import Case, FindingPredictor, Judged, on_image
from ai_engine.library.card import Label, ModelCard
from ai_engine.library.codes import require_codes
from ai_engine.prediction import Finding, FoundBox
from ai_engine.preprocessing.geometry import ModelView
from ai_engine.preprocessing.radiograph import Radiograph

BOXES = "boxes"
SCORES = "scores"

LOWEST_SCORE = 0.01
"""Scores below it are noise of the thousands of places that a detector looks at."""

FloatArray = npt.NDArray[np.float32]


class BoxFinder:
    """Finds boxes on any radiograph. Build it once; it is safe to call from many threads.

    Its network is any detector with the outputs ``boxes``, float32 (n, m, 4) as left, top, right
    and bottom in pixels of the input, and ``scores``, float32 (n, m, labels) from 0 to 1.
    """

    def __init__(self, card: ModelCard, network: Network) -> None:
        """Put the parts together.

        Raises
        ------
        ModelFolderError
            If a label has no code.
        BackendError
            If the network has other outputs.
        """
        require_codes(card)
        if not {BOXES, SCORES} <= set(network.outputs):
            raise BackendError(
                f"{card.weights_path}: a detector has the outputs {BOXES} and {SCORES}, this one "
                f"has {', '.join(network.outputs)}; export it again"
            )
        self._card = card
        self._network = network

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    def boxes(self, radiograph: Radiograph) -> dict[str, tuple[FoundBox, ...]]:
        """Every box by label, most probable first, whatever the threshold."""
        view = model_view(self._card, radiograph)
        values = view.values[np.newaxis, ..., np.newaxis]
        made = self._network.run({self._network.inputs[0]: values})
        boxes, scores = made[BOXES][0], made[SCORES][0]
        return {
            label.name: self._of_label(boxes, scores[:, number], view, radiograph)
            for number, label in enumerate(self._card.labels)
        }

    def _of_label(
        self, boxes: FloatArray, scores: FloatArray, view: ModelView, radiograph: Radiograph
    ) -> tuple[FoundBox, ...]:
        found = (
            FoundBox(
                region=on_source(boxes[row].tolist(), view.region, self._card.input_size),
                probability=float(scores[row]),
            )
            for row in suppressed(boxes, scores, lowest=LOWEST_SCORE)
        )
        shape = {"rows": radiograph.rows, "columns": radiograph.columns}
        return tuple(part for box in found if (part := cut(box, **shape)) is not None)


class BoxPredictor(FindingPredictor):
    """Says where findings are on radiographs, by a detector behind the guard.

    A label's probability on an image is that of its most probable box, 0 where there is none; the
    boxes at or above the threshold go with the finding.
    """

    def __init__(self, finder: BoxFinder, *, guard: Guard) -> None:
        super().__init__(finder.card, guard=guard)
        self._finder = finder

    def _judge(self, case: Case, calibration: Calibration) -> Judged:
        (radiograph,) = case
        boxes = self._finder.boxes(radiograph)
        findings = (
            self._finding(label, boxes[label.name], calibration) for label in self._card.labels
        )
        return Judged(images=(on_image(radiograph, findings),))

    def _finding(
        self, label: Label, boxes: tuple[FoundBox, ...], calibration: Calibration
    ) -> Finding:
        score = boxes[0].probability if boxes else 0.0
        return decided(self._card, label, score, calibration, boxes=boxes)
