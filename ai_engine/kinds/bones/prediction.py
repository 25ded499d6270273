"""What a bone model says about the images of a study: images, no findings."""

from dataclasses import dataclass

import cv2
import numpy as np

from ai_engine.prediction import ModelIdentity, Refusal, Region, Remark
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.planes import map_on_source

_FULL = np.float32(65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class BoneImage:
    """The bones on one radiograph, as the network drew them.

    ``packed`` is a 16-bit PNG of the network's square, 0 to full where bone adds all there is;
    ``region`` is the part of the source image that the square covers.
    """

    sop_instance_uid: str
    packed: bytes
    region: Region

    def bones(self, *, rows: int, columns: int) -> FloatImage:
        """How much of each source pixel is bone: float32 (rows, columns), 0 to 1."""
        stored = cv2.imdecode(np.frombuffer(self.packed, np.uint8), cv2.IMREAD_UNCHANGED)
        values = np.asarray(stored, dtype=np.float32) / _FULL
        return map_on_source(values, self.region, (rows, columns))


def packed(values: FloatImage) -> bytes:
    """Pack values from 0 to 1, (size, size), as `BoneImage` holds them."""
    stored = np.rint(np.clip(values, 0, 1) * _FULL).astype(np.uint16)
    _, data = cv2.imencode(".png", stored)
    return data.tobytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class BonePrediction:
    """The bones on the images of one study, and the images that were refused."""

    model: ModelIdentity
    images: tuple[BoneImage, ...]
    refusals: tuple[Refusal, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def is_positive(self) -> bool:
        """False: images are for looking at, and say nothing by themselves."""
        return False

    @property
    def analysed(self) -> frozenset[str]:
        """The SOP Instance UIDs of the images whose bones were drawn."""
        return frozenset(image.sop_instance_uid for image in self.images)

    @property
    def refused(self) -> frozenset[str]:
        """The SOP Instance UIDs of the images whose bones were not."""
        return frozenset(refusal.sop_instance_uid for refusal in self.refusals)
