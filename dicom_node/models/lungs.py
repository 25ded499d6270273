"""The lungs on radiographs, outlined once for all that asks: places, plausibility, evidence."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ai_engine.kinds.lungs.segmenter import LungFields, LungSegmenter
from ai_engine.preprocessing.radiograph import Radiograph

_KEPT = 4

Segmenter = Callable[[], LungSegmenter | None]


class LungOutlines:
    """The outlines of images that were asked about last; safe to use from several threads."""

    def __init__(self, segmenter: Segmenter) -> None:
        """Ask ``segmenter`` for the active model each time; None where there is none."""
        self._segmenter = segmenter
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], LungFields] = OrderedDict()

    def of(self, path: str, radiograph: Radiograph) -> LungFields | None:
        """Return the lungs on the image of a file; None where no model can outline any."""
        segmenter = self._segmenter()
        if segmenter is None:
            return None
        key = (segmenter.card.weights_digest, path)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        fields = segmenter.segment(radiograph)
        with self._lock:
            self._kept[key] = fields
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return fields
