"""Radiographs of an archive, decoded; those looked at last are kept."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.archive.objects import DicomObjects
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.models.appearance import read_attributes, read_image
from dicom_node.models.exposures import Exposures, exposures_of

# Between inference and the drawing of overlays.
_KEPT_IMAGES = 8
# Of one job, four bytes each: 32 radiographs of 8 million. No examination has as many.
_MOST_PIXELS = 2**28


class RadiographFiles:
    """Reads radiographs of an archive; safe to call from several threads."""

    def __init__(self, objects: DicomObjects) -> None:
        self._objects = objects
        self._lock = threading.Lock()
        self._images: OrderedDict[str, Radiograph] = OrderedDict()

    def radiograph(self, instance: ReceivedInstance) -> Radiograph:
        """Return an image as the models see it.

        Raises
        ------
        ImageRefusedError
            When it is none that they can look at.
        ModelUnavailableError
            When its file cannot be used.
        """
        with self._lock:
            if instance.path in self._images:
                self._images.move_to_end(instance.path)
                return self._images[instance.path]
        image = read_image(self._objects.source_path(instance.path))
        with self._lock:
            self._images[instance.path] = image
            while len(self._images) > _KEPT_IMAGES:
                self._images.popitem(last=False)
        return image

    def exposures(self, instances: Sequence[ReceivedInstance]) -> Exposures:
        """Return which of these images are analysed, each exposure once."""
        return exposures_of(
            instances, lambda each: read_attributes(self._objects.source_path(each.path))
        )


def pixels_of(instance: ReceivedInstance, taken: int) -> int:
    """How many pixels an instance states, beside those of the images before it.

    Raises
    ------
    ImageRefusedError
        If they are more together than are analysed at once.
    """
    pixels = (instance.header.rows or 0) * (instance.header.columns or 0)
    if taken + pixels > _MOST_PIXELS:
        raise ImageRefusedError(
            RefusalReason.TOO_LARGE,
            f"the study holds more than the {_MOST_PIXELS >> 20} million pixels that are analysed "
            "at once; send it in parts",
        )
    return pixels
