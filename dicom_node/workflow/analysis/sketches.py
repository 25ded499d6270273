"""Overlays drawn before they are ordered, while the node writes down what a model has said.

They are what would be drawn, or they are not used: whoever draws is given them where everything
that he draws from is the same, and draws himself where anything differs.
"""

import dataclasses
import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Finding, ImagePrediction, ModelIdentity
from sr_templates.captions import Pixels
from sr_templates.overlay import Draw, draw_overlays

_LOG = logging.getLogger(__name__)
# Images of which some are looked at and no result is ever ordered; a picture has some megabytes.
_KEPT = 6


class Sketches:
    """Overlays of the images that were looked at last; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun: OrderedDict[str, Future[_Sketch]] = OrderedDict()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="sketch")

    def begin(self, sop_instance_uid: str, draw: Callable[[Draw], None]) -> None:
        """Have an image's overlays drawn by ``draw``, which draws with what it is given."""
        with self._lock:
            self._begun[sop_instance_uid] = self._beside.submit(_sketched, draw)
            while len(self._begun) > _KEPT:
                self._begun.popitem(last=False)

    def of(self, sop_instance_uid: str) -> Draw:
        """Return what draws an image's overlays: it waits for what was begun, and gives it once."""
        with self._lock:
            begun = self._begun.pop(sop_instance_uid, None)
        if begun is None:
            return draw_overlays
        try:
            return begun.result().again
        except Exception as error:  # noqa: BLE001  # who draws now will meet it, and say so
            _LOG.debug("not drawn ahead reason=%r", str(error))
            return draw_overlays


class _Sketch:
    """What was drawn, and what from."""

    def __init__(self) -> None:
        self._drawn: list[tuple[weakref.ref[Any], Any, tuple[Pixels, ...]]] = []

    def ahead(
        self,
        pixels: npt.NDArray[np.float32],
        image: ImagePrediction,
        findings: Iterable[Finding | None],
        model: ModelIdentity,
        **how: Any,
    ) -> Iterator[Pixels]:
        """Draw, and remember it."""
        every = tuple(findings)
        made = tuple(draw_overlays(pixels, image, every, model, **how))
        # The image itself is not kept: it may have a hundred megabytes.
        self._drawn.append((weakref.ref(pixels), _content((image, every, model, how)), made))
        return iter(made)

    def again(
        self,
        pixels: npt.NDArray[np.float32],
        image: ImagePrediction,
        findings: Iterable[Finding | None],
        model: ModelIdentity,
        **how: Any,
    ) -> Iterator[Pixels]:
        """Return what was drawn of the same, or draw."""
        every = tuple(findings)
        wanted = _content((image, every, model, how))
        for source, content, made in self._drawn:
            if source() is pixels and content == wanted:
                return iter(made)
        return draw_overlays(pixels, image, every, model, **how)


def _sketched(draw: Callable[[Draw], None]) -> _Sketch:
    sketch = _Sketch()
    draw(sketch.ahead)
    return sketch


def _content(value: Any) -> Any:
    """All that a value consists of, comparable: maps of a finding are compared cell by cell."""
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return type(value), *(_content(getattr(value, each.name)) for each in fields)
    if isinstance(value, dict):
        return tuple((name, _content(each)) for name, each in sorted(value.items()))
    if isinstance(value, tuple | list):
        return tuple(map(_content, value))
    return value
