"""What a network of somebody else has answered, counted and checked before it is believed."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError
from ai_engine.library.card import ModelCard
from ai_engine.library.tensors import Activation, Tensors

ROUNDING = 1e-3
"""How far a probability may lie beside 0 to 1: half precision and a sum of exponentials do."""

MOST_CELLS = 4096
"""Rows and columns of a heat map."""

MOST_BOXES_ANSWERED = 100_000

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answered:
    """An answer that fits the card.

    ``probabilities`` is float32 (labels,), 0 to 1; ``heat_maps`` float32 (labels, rows, columns),
    not below 0; ``boxes`` float32 (boxes, 4) in pixels of the input and ``scores`` (boxes, labels).
    What the card doesn't name is None.
    """

    probabilities: FloatArray | None = None
    heat_maps: FloatArray | None = None
    boxes: FloatArray | None = None
    scores: FloatArray | None = None


def checked(card: ModelCard, tensors: Tensors, made: Mapping[str, FloatArray]) -> Answered:
    """Read the outputs that a card names.

    Raises
    ------
    BackendError
        If one has another shape than the labels need, holds what is no number, or no probability.
    """
    for name in tensors.outputs:
        if not np.isfinite(made[name]).all():
            raise _wrong(card, name, "holds what is no number (NaN or infinite)")
    count = len(card.labels)
    probabilities = maps = boxes = scores = None
    if tensors.probabilities:
        probabilities = _probabilities(card, tensors, made[tensors.probabilities])
    if tensors.heat_maps:
        maps = _maps(card, tensors.heat_maps, made[tensors.heat_maps])
        if not tensors.probabilities:
            maps = _within(card, tensors.heat_maps, _activated(maps, tensors.activation, axis=0))
            probabilities = maps.reshape(count, -1).max(axis=1)
    if tensors.boxes:
        boxes, scores = _boxes(card, tensors, made[tensors.boxes], made[tensors.scores])
    return Answered(probabilities=probabilities, heat_maps=maps, boxes=boxes, scores=scores)


def _probabilities(card: ModelCard, tensors: Tensors, values: FloatArray) -> FloatArray:
    name, count = tensors.probabilities, len(card.labels)
    if values.size != count or values.shape not in ((1, count), (count,), (1, count, 1, 1)):
        raise _wrong(
            card, name, f"has shape {_shape(values)}, and the card has {count} labels: (1, {count})"
        )
    return _within(card, name, _activated(values.reshape(count), tensors.activation, axis=0))


def _maps(card: ModelCard, name: str, values: FloatArray) -> FloatArray:
    count = len(card.labels)
    wanted = (1, count, "rows", "columns")
    shaped = values[:, np.newaxis] if values.ndim == 3 and count == 1 else values
    if shaped.ndim != 4 or shaped.shape[:2] != (1, count):
        raise _wrong(card, name, f"has shape {_shape(values)}, and heat maps have {wanted}")
    rows, columns = shaped.shape[2:]
    if not (1 <= rows <= MOST_CELLS and 1 <= columns <= MOST_CELLS):
        raise _wrong(card, name, f"has {rows} x {columns} cells")
    return np.asarray(shaped[0], dtype=np.float32)


def _boxes(
    card: ModelCard, tensors: Tensors, boxes: FloatArray, scores: FloatArray
) -> tuple[FloatArray, FloatArray]:
    count = len(card.labels)
    places = boxes[np.newaxis] if boxes.ndim == 2 else boxes
    if places.ndim != 3 or places.shape[0] != 1 or places.shape[2] != 4:
        raise _wrong(card, tensors.boxes, f"has shape {_shape(boxes)}, and boxes (1, boxes, 4)")
    found = places.shape[1]
    if found > MOST_BOXES_ANSWERED:
        raise _wrong(card, tensors.boxes, f"has {found} boxes")
    if scores.size != found * count:
        raise _wrong(
            card,
            tensors.scores,
            f"has shape {_shape(scores)}, and {found} boxes of {count} labels have "
            f"(1, {found}, {count})",
        )
    activated = _activated(scores.reshape(found, count), tensors.activation, axis=1)
    return places[0], _within(card, tensors.scores, activated)


def _activated(values: FloatArray, activation: Activation, *, axis: int) -> FloatArray:
    match activation:
        case Activation.NONE:
            return values
        case Activation.SIGMOID:
            made = 1 / (1 + np.exp(-values.astype(np.float64).clip(-80, 80)))
        case Activation.SOFTMAX:
            shifted = values.astype(np.float64) - values.max(axis=axis, keepdims=True, initial=0.0)
            powers = np.exp(shifted.clip(-80, 0))
            made = powers / powers.sum(axis=axis, keepdims=True)
    return np.asarray(made, dtype=np.float32)


def _within(card: ModelCard, name: str, values: FloatArray) -> FloatArray:
    if values.size and (values.min() < -ROUNDING or values.max() > 1 + ROUNDING):
        raise _wrong(
            card,
            name,
            f"has values from {values.min():.3g} to {values.max():.3g}, and probabilities lie "
            "between 0 and 1: name the activation (sigmoid, softmax) in the card's tensors",
        )
    return values.clip(0, 1)


def _wrong(card: ModelCard, name: str, words: str) -> BackendError:
    return BackendError(f"model {card.name}/{card.version}: output {name} {words}")


def _shape(values: FloatArray) -> str:
    return "(" + ", ".join(map(str, values.shape)) + ")"
