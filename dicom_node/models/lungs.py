"""The lungs on radiographs, outlined once for all that asks: places, plausibility, evidence."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ai_engine.kinds.lungs.segmenter import LungFields, LungOutline, LungSegmenter
from ai_engine.preprocessing.radiograph import Radiograph

_KEPT = 4
MOST_BESIDE = 2
"""Images of a job whose lungs are outlined before anybody asks: hardly any job has more."""

Segmenter = Callable[[], LungSegmenter | None]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OutlinedLungs:
    """The lungs on one image: on a grid that tells where something lies, and as they are."""

    coarse: LungFields
    outline: LungOutline


class LungOutlines:
    """The outlines of images that were asked about last; safe to use from several threads.

    They are drawn in a thread of their own, beside whatever else is done with an image.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        """Ask ``segmenter`` for the active model each time; None where there is none."""
        self._segmenter = segmenter
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Future[OutlinedLungs]] = OrderedDict()
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="lungs")

    def begin(self, path: str, radiograph: Radiograph) -> Future[OutlinedLungs] | None:
        """Have the lungs on the image of a file outlined; None where no model can outline any.

        Raises
        ------
        AiEngineError
            The model cannot be loaded. What it fails of is raised where the outline is asked for.
        """
        segmenter = self._segmenter()
        if segmenter is None:
            return None
        key = (segmenter.card.weights_digest, path)
        with self._lock:
            begun = self._kept.get(key)
            if begun is None or (begun.done() and begun.exception() is not None):
                begun = self._kept[key] = self._beside.submit(_outlined, segmenter, radiograph)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return begun

    def of(self, path: str, radiograph: Radiograph) -> OutlinedLungs | None:
        """Return the lungs on the image of a file; None where no model can outline any."""
        begun = self.begin(path, radiograph)
        return begun.result() if begun is not None else None


def _outlined(segmenter: LungSegmenter, radiograph: Radiograph) -> OutlinedLungs:
    outline = segmenter.outline(radiograph)
    return OutlinedLungs(coarse=outline.coarse(), outline=outline)
