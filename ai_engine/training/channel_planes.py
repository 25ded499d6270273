"""The further channels of training images, made once for each image and kept beside the run."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.library.card import ChannelKind

Plane = npt.NDArray[np.uint16]
"""A channel on its image's grid: 0 to 65535, which is 1."""

Planes = Mapping[ChannelKind, Plane]

_FULL = np.float32(65535)


class ChannelPlanes:
    """What the sources make of a data set's images, by the images' content.

    A file for each image and channel: outlines of lungs take a few kilobytes, bones about as much
    as the image.
    """

    def __init__(self, sources: Sequence[ChannelSource], folder: Path) -> None:
        """Keep the planes below ``folder``, in one folder for each source's weights."""
        self._places = [
            (source, folder / f"{source.kind}-{source.card.weights_digest[:12]}")
            for source in sources
        ]

    def of(self, dataset: CxrDataset, item: CxrItem, image: npt.NDArray[np.uint8]) -> Planes:
        """The planes of an item's image, in the sources' order; made on the first call."""
        if not self._places:
            return {}
        name = hashlib.blake2b(
            image.tobytes(), digest_size=16, key=repr(image.shape).encode()
        ).hexdigest()
        return {
            source.kind: self._plane(source, place / name[:2] / f"{name}.png", dataset, item)
            for source, place in self._places
        }

    @staticmethod
    def _plane(source: ChannelSource, path: Path, dataset: CxrDataset, item: CxrItem) -> Plane:
        kept = cv2.imread(str(path), cv2.IMREAD_UNCHANGED) if path.is_file() else None
        if kept is not None:
            return np.asarray(kept, dtype=np.uint16)
        made = source.plane(as_radiograph(dataset, item))
        plane: Plane = np.rint(made * _FULL).astype(np.uint16)
        _write(plane, path)
        return plane


def as_values(plane: Plane) -> npt.NDArray[np.float32]:
    """A plane's values from 0 to 1: float32 of the same shape."""
    return plane.astype(np.float32) / _FULL


def _write(plane: Plane, path: Path) -> None:
    """Whole or not at all: a run may be stopped at any time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _, data = cv2.imencode(".png", plane)
    draft = path.with_suffix(".part")
    draft.write_bytes(data.tobytes())
    draft.replace(path)
