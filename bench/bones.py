"""How well are bones taken away, and what goes with them?

    .venv/bin/python -m bench.bones PAIRS [--data DIR] [--version VERSION]

On pairs that were projected from CTs of patients nobody learned from (`dicom-node datasets bones`):
how far what is left is from the chest without bones, beside the radiograph as it is and three
simple ways whose widths are the best on training pairs. On the test part of the chest radiograph
sample, where nobody knows what lies under a rib: how much is left in the lungs of bands as wide as
ribs, and of what is finer.
"""

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.bones.dataset import BonePair, read_bone_pairs
from ai_engine.kinds.bones.loading import load_subtractor
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.lungs.loading import load_segmenter
from ai_engine.kinds.lungs.segmenter import LungSegmenter
from ai_engine.kinds.shipped import LUNG_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.measures.overlap import mean_interval
from ai_engine.preprocessing.area_averaging import averaged
from ai_engine.preprocessing.geometry import FloatImage, content_region
from ai_engine.preprocessing.radiograph import Radiograph

_ROOT = Path(__file__).parents[1]
_DATA = Path(os.environ.get("DICOM_NODE_TEST_DATA", _ROOT.parent / "shared" / "data")) / "cxr"
CONFIG = _ROOT / "config" / "models.toml"
MODEL = "bone-suppression"
SIDE = 256
TUNED_ON = 40
"""Training pairs that widths are chosen on."""

Taken = Callable[[FloatImage], FloatImage]
Pairs = Sequence[tuple[FloatImage, FloatImage]]


def _blurred(image: FloatImage, sigma: float, sigma_y: float = 0) -> FloatImage:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, sigmaY=sigma_y), np.float32)


def _above_gaussian(image: FloatImage, width: int) -> FloatImage:
    return np.asarray(np.maximum(image - _blurred(image, width), 0), np.float32)


def _above_median(image: FloatImage, width: int) -> FloatImage:
    levels = np.rint(image * 255).astype(np.uint8)
    median = np.asarray(cv2.medianBlur(levels, 2 * width + 1), np.float32) / 255
    return np.asarray(np.maximum(image - median, 0), np.float32)


def _above_opening(image: FloatImage, width: int) -> FloatImage:
    opened = cv2.morphologyEx(image, cv2.MORPH_OPEN, np.ones((2 * width + 1, 3), np.uint8))
    smooth = _blurred(np.asarray(opened, np.float32), 2)
    return np.asarray(np.maximum(image - smooth, 0), np.float32)


SIMPLE: Mapping[str, Callable[[FloatImage, int], FloatImage]] = {
    "above a Gaussian": _above_gaussian,
    "above a median": _above_median,
    "above an opening": _above_opening,
}
WIDTHS = (2, 4, 7, 11, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What a way of taking bones away leaves of one projected radiograph."""

    error: float
    decibels: float
    similarity: float
    bones: float
    """Of the bones' contrast, 0 to 1: the slope of what is left over on what there was."""


def measured(radiograph: FloatImage, bones: FloatImage, taken: FloatImage) -> Left:
    """Compare ``radiograph - taken`` with ``radiograph - bones``, (rows, columns) of 0 to 1."""
    wrong = bones - taken
    fine = bones - _blurred(bones, 10)
    return Left(
        error=float(np.abs(wrong).mean()),
        decibels=-10 * float(np.log10(max(np.square(wrong).mean(), 1e-12))),
        similarity=_similarity(radiograph - taken, radiograph - bones),
        bones=float((fine * (wrong - _blurred(wrong, 10))).sum() / np.square(fine).sum()),
    )


def _similarity(one: FloatImage, other: FloatImage) -> float:
    """SSIM (Wang et al., 2004): Gaussian window of 1.5 pixels, range 1."""
    first, second = 0.01**2, 0.03**2
    a, b = _blurred(one, 1.5), _blurred(other, 1.5)
    spread = _blurred(one * one, 1.5) + _blurred(other * other, 1.5) - a * a - b * b
    joint = _blurred(one * other, 1.5) - a * b
    index = (2 * a * b + first) * (2 * joint + second)
    return float((index / ((a * a + b * b + first) * (spread + second))).mean())


def ribs_and_detail(image: FloatImage, lungs: FloatImage) -> tuple[float, float]:
    """Standard deviations within the lungs: of bands as wide as ribs, and of what is finer.

    ``image`` is float32 (256, 256). A band is what is smoothed along the rows by 6 pixels and
    across by 2.5, less what is smoothed by 10.
    """
    inside = cv2.erode((lungs > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    bands = _blurred(image, 6, 2.5) - _blurred(image, 10)
    fine = image - _blurred(image, 1.2)
    return float(bands[inside].std()), float(fine[inside].std())


def _chosen_width(way: Callable[[FloatImage, int], FloatImage], pairs: Pairs) -> int:
    """The width that comes closest on training pairs."""
    errors = {
        width: sum(float(np.square(bones - way(image, width)).mean()) for image, bones in pairs)
        for width in WIDTHS
    }
    return min(errors, key=errors.__getitem__)


def _of_width(way: Callable[[FloatImage, int], FloatImage], width: int) -> Taken:
    return lambda image: way(image, width)


def _ways(drawn: Taken, pairs: Pairs) -> dict[str, Taken]:
    """What may be taken away of a radiograph, by words."""
    ways: dict[str, Taken] = {"nothing": np.zeros_like}
    for name, way in SIMPLE.items():
        width = _chosen_width(way, pairs)
        ways[f"what is {name} of {width}"] = _of_width(way, width)
    return ways | {"what the network draws": drawn}


def _words(values: Sequence[float], digits: int = 3) -> str:
    found = mean_interval(values)
    return f"{found.value:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"


def _on_projected(pairs: Sequence[BonePair], ways: Mapping[str, Taken]) -> Table:
    """A row for each way and each patient of the test part."""
    heads = ("patient", "taken away", "absolute error", "PSNR, dB", "SSIM", "bones left")
    table = Table(*heads, box=None)
    for patient in sorted({pair.patient for pair in pairs}):
        shown = [pair.read() for pair in pairs if pair.patient == patient]
        for name, way in ways.items():
            found = [measured(image, bones, way(image)) for image, bones in shown]
            table.add_row(
                f"{patient} ({len(shown)})",
                name,
                _words([each.error for each in found], 4),
                _words([each.decibels for each in found], 1),
                _words([each.similarity for each in found]),
                _words([each.bones for each in found], 2),
            )
    return table


def _on_real(data: Path, segment: LungSegmenter, ways: Mapping[str, Taken]) -> Table:
    """What is left in the lungs of real radiographs, as a part of what there was."""
    left: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    dataset = read_cxr(data)
    for item in dataset.part(Split.TEST):
        radiograph = as_radiograph(dataset, item)
        image, lungs = (
            averaged(values.astype(np.float32), rows=SIDE, columns=SIDE)
            for values in (radiograph.pixels, segment.segment(radiograph).both)
        )
        before = ribs_and_detail(image, lungs)
        for name, way in ways.items():
            after = ribs_and_detail(image - way(image), lungs)
            left[name].append((after[0] / before[0], after[1] / before[1]))
    table = Table("taken away", "bands as wide as ribs", "finer detail", box=None)
    for name, found in left.items():
        bands, detail = zip(*found, strict=True)
        table.add_row(f"{name} ({len(found)})", _words(bands), _words(detail))
    return table


def main() -> None:
    """Measure on projected and on real radiographs, and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("pairs", type=Path)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--models", type=Path, help="Folder of installed models of one's own.")
    parser.add_argument("--version", default="1.0.0")
    options = parser.parse_args()
    registry = ModelRegistry()
    if options.models:
        registry = registry.with_folders(options.models)
    pairs = read_bone_pairs(options.pairs)
    train = [pair for pair in pairs if pair.split is Split.TRAIN]
    tuned = [pair.read() for pair in train[:: max(len(train) // TUNED_ON, 1)]]
    console = Console(width=160)
    with tempfile.TemporaryDirectory() as cache:
        card = registry.card(MODEL, options.version)
        loading = Loading(card=card, cache=Path(cache), registry=registry)
        draw = load_subtractor(loading).draw

        def drawn(image: FloatImage) -> FloatImage:
            rows, columns = image.shape
            radiograph = Radiograph(
                sop_instance_uid="1.2", pixels=image, content=content_region(image)
            )
            return draw(radiograph).bones(rows=rows, columns=columns)

        ways = _ways(drawn, tuned)
        console.print(_on_projected([pair for pair in pairs if pair.split is Split.TEST], ways))
        lungs = registry.card(LUNG_MODEL, read_active_versions(CONFIG)[LUNG_MODEL])
        segment = load_segmenter(replace(loading, card=lungs))
        console.print(_on_real(options.data, segment, ways))


if __name__ == "__main__":
    main()
