"""How far an image is from those that a model learned from, by what exposure and processing do.

A network answers on any image, and nothing in its probability says that it has never seen the like.
Here an image is described by a dozen figures of its grey values that need no model; the distance is
Mahalanobis' to the training images (Mahalanobis, 1936), and the limit is what all but few of the
validation images stay within. The reference is made by ``dicom-node models reference`` and lies in
the model's folder.
"""

import math
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ai_engine.errors import ModelFolderError
from ai_engine.figures import told_apart
from ai_engine.library.names import LIKENESS_FILE, put_in_place
from ai_engine.prediction import ImageQuality, Remark, RemarkKind
from ai_engine.preprocessing.quality import exposed_part, image_quality
from ai_engine.preprocessing.radiograph import Radiograph

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
WITHIN = 97.5
"""The share of validation images, in percent, that the limit lets pass."""
SMALLEST_SPREAD = 1e-3

UNLIKE = (
    "The image is unlike those that the model learned from, by exposure, contrast, noise or "
    "sharpness: its distance is {distance}, and {within:g} % of the validation images lie "
    "within {limit}. What the model says of it was not measured on such images."
)

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Likeness:
    """The reference: mean and inverse covariance of the training images' figures, and the limit."""

    mean: Values
    precision: Values
    limit: float
    data: str

    def distance(self, radiograph: Radiograph, quality: ImageQuality | None = None) -> float:
        """How far an image is from the training images, in standard deviations."""
        away = figures(radiograph, quality) - self.mean
        return math.sqrt(max(float(away @ self.precision @ away), 0.0))


def figures(radiograph: Radiograph, quality: ImageQuality | None = None) -> Values:
    """What describes an image: float64 (4 + percentiles); device figures, then grey values.

    ``quality`` are the image's own device figures where they have been measured already.
    """
    quality = quality or radiograph.once(image_quality)
    grey = np.percentile(radiograph.once(exposed_part), PERCENTILES)
    noise = math.log(quality.noise + SMALLEST_SPREAD)
    sharpness = math.log(quality.sharpness + SMALLEST_SPREAD)
    return np.array([quality.exposure, quality.contrast, noise, sharpness, *grey])


def made_likeness(training: Sequence[Values], validation: Sequence[Values], data: str) -> Likeness:
    """The reference of some images' figures; the limit is chosen on the validation images."""
    rows = np.array(training)
    spread = np.cov(rows, rowvar=False) + SMALLEST_SPREAD**2 * np.eye(rows.shape[1])
    mean = rows.mean(axis=0)
    precision = np.asarray(np.linalg.inv(spread), dtype=np.float64)
    away = np.array(validation) - mean
    distances = np.sqrt(np.einsum("ij,jk,ik->i", away, precision, away))
    limit = float(np.percentile(distances, WITHIN))
    return Likeness(mean=mean, precision=precision, limit=limit, data=data)


def likeness_remarks(
    likeness: Likeness | None, radiograph: Radiograph, quality: ImageQuality | None = None
) -> Iterator[Remark]:
    """Say that an image is farther from the training images than nearly all validation images."""
    if likeness is None:
        return
    distance = likeness.distance(radiograph, quality)
    if distance > likeness.limit:
        away, limit = told_apart(distance, likeness.limit, coarsest=1)
        yield Remark(
            kind=RemarkKind.UNLIKE_TRAINING,
            sop_instance_uid=radiograph.sop_instance_uid,
            detail=UNLIKE.format(distance=away, within=WITHIN, limit=limit),
        )


def write_likeness(likeness: Likeness, folder: Path) -> Path:
    """Write a reference into a model's folder."""
    lines = (
        f'data = "{likeness.data}"',
        f"limit = {likeness.limit:.4f}",
        f"mean = [{', '.join(f'{value:.8g}' for value in likeness.mean)}]",
        f"precision = [{', '.join(f'{value:.8g}' for value in likeness.precision.ravel())}]",
    )
    path = folder / LIKENESS_FILE
    with put_in_place(path) as draft:
        draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_likeness(folder: Path) -> Likeness | None:
    """Read the reference in a model's folder; None where it has none.

    Raises
    ------
    ModelFolderError
        If it is damaged.
    """
    path = folder / LIKENESS_FILE
    if not path.is_file():
        return None
    try:
        table = tomllib.loads(path.read_text("utf-8"))
        mean = np.array(table["mean"], dtype=np.float64)
        return Likeness(
            mean=mean,
            precision=np.array(table["precision"], dtype=np.float64).reshape(len(mean), len(mean)),
            limit=float(table["limit"]),
            data=str(table["data"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{path}: {error}; make it again (models reference)") from error
