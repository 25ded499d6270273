"""From radiographs to boxes: guard, network, suppression, thresholds, places on the source."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.errors import BackendError
from ai_engine.inference.network import Network
from ai_engine.inference.views import model_view
from ai_engine.kinds.classifier.predictor import (
    Calibration,
    calibrations_of,
    names_of,
    required_code,
)
from ai_engine.kinds.detector.boxes import cut, on_source, suppressed
from ai_engine.kinds.guard.guard import ChestGuard, TagsHint
from ai_engine.library.card import Label, ModelCard
from ai_engine.prediction import Finding, FoundBox, ImagePrediction, Prediction, Refusal
from ai_engine.preprocessing.geometry import ModelView
from ai_engine.preprocessing.quality import image_quality
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
        for label in card.labels:
            required_code(card, label)
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


class BoxPredictor:
    """Says where findings are on frontal chest radiographs, by a detector behind the guard."""

    def __init__(self, finder: BoxFinder, *, guard: ChestGuard) -> None:
        self._finder = finder
        self._guard = guard

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._finder.card

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

        A label's probability on an image is that of its most probable box, 0 where there is none;
        the boxes at or above the threshold go with the finding.
        """
        passed, refused = self._guard.sort(radiographs, hints)
        chosen = calibrations_of(passed, calibrations)
        return Prediction(
            model=self.card.identity,
            images=tuple(map(self._analyse, passed, chosen)),
            refusals=(*refusals, *refused),
            calibration=names_of(chosen),
        )

    def _analyse(self, radiograph: Radiograph, calibration: Calibration) -> ImagePrediction:
        boxes = self._finder.boxes(radiograph)
        return ImagePrediction(
            sop_instance_uid=radiograph.sop_instance_uid,
            findings=tuple(
                self._finding(label, boxes[label.name], calibration.point(label))
                for label in self.card.labels
            ),
            quality=image_quality(radiograph),
        )

    def _finding(self, label: Label, boxes: tuple[FoundBox, ...], point: OperatingPoint) -> Finding:
        score = boxes[0].probability if boxes else 0.0
        decided = (
            FoundBox(region=box.region, probability=point.probability(box.probability))
            for box in boxes
        )
        return Finding(
            label=label.name,
            title=label.title,
            code=required_code(self.card, label),
            site=label.site,
            probability=point.probability(score),
            threshold=point.threshold,
            score=score,
            boxes=tuple(box for box in decided if box.probability >= point.threshold),
        )
