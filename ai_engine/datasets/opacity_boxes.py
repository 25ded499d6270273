"""A data set of opacities with boxes, from masks of opacities and from sets that have boxes.

Radiologists outlined opacities on some sets; a box is what encloses what was outlined in one lung,
as the RSNA challenge's boxes do. Sets that have boxes of their own give these, and their images on
which there is certainly no opacity. All of it comes to one folder in the layout of
`ai_engine.datasets.cxr`; ``device`` names the source.

    images/NAME.jpg          of the set with masks
    masks/NAME_opacity.png   what was outlined is white; may be missing where nothing was
    masks/NAME_lungs.png     both lungs; as large as the image, like what was outlined

No patients are named there: images whose names stand beside each other may show one, and
`STRETCH` of them count as one patient.
"""

import csv
import hashlib
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.datasets.cxr import (
    BOX_COLUMNS,
    NO_FINDING,
    CxrItem,
    Split,
    View,
)
from ai_engine.datasets.layouts import read_dataset
from ai_engine.errors import DatasetError
from ai_engine.prediction import Region

Mask = npt.NDArray[np.bool_]

OPACITY = "Lung Opacity"
OPACITIES = frozenset({OPACITY, "Pneumonia", "Infiltration", "Consolidation"})
"""Labels whose boxes are of opacities: RSNA's one, and those of NIH that look like it."""

CLEAR = frozenset({"Normal", "No Lung Opacity / Not Normal", NO_FINDING})
"""Labels of images on which there is certainly no opacity."""

STRETCH = 4
"""Images of a set without patients that count as one patient's, in the order of their names."""

LEAST_LUNG = 0.02
"""Part of an image below which an area of the lungs' mask is no lung."""

LEAST = 0.005
"""Part of an image below which what was outlined gets no box."""

JOINED = 0.02
"""Of an image's longer side: what is nearer to each other is in one box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxed:
    """An image that goes into the set, and its boxes; without any there is no opacity on it."""

    source: str
    path: Path
    patient: str
    fields: dict[str, Any]
    boxes: tuple[Region, ...]


def compose_opacities(masks: Path, sets: Sequence[Path], out: Path) -> dict[str, int]:
    """Write the set, and count its images and boxes by source.

    Raises
    ------
    DatasetError
        If ``out`` is not empty, a set can't be read, or one image would be there twice.
    """
    if out.exists() and any(out.iterdir()):
        raise DatasetError(f"{out}: is not empty; give a new folder")
    found = [*_outlined(masks), *(one for folder in sets for one in _boxed(folder))]
    _require_each_once(found)
    (out / "images").mkdir(parents=True, exist_ok=True)
    rows, boxes = [], []
    for one in found:
        file = f"{one.source}-{one.path.name}"
        shutil.copyfile(one.path, out / "images" / file)
        opaque = int(bool(one.boxes))
        fields = {"age": "", "sex": "", "view": "unknown", "split": Split.TRAIN.value} | one.fields
        rows.append(
            fields
            | {"file": file, "patient_id": f"{one.source}/{one.patient}", "device": one.source}
            | {OPACITY: opaque, NO_FINDING: 1 - opaque}
        )
        boxes += [
            {"file": file, "label": OPACITY}
            | dict(zip(BOX_COLUMNS, _corner_and_sides(region), strict=True))
            for region in one.boxes
        ]
    columns = ("file", "patient_id", "age", "sex", "view", "split", "device", OPACITY, NO_FINDING)
    _write(out / "labels.csv", columns, rows)
    _write(out / "boxes.csv", ("file", "label", *BOX_COLUMNS), boxes)
    return {
        source: sum(len(one.boxes) for one in found if one.source == source)
        for source in dict.fromkeys(one.source for one in found)
    }


def _require_each_once(found: Sequence[Boxed]) -> None:
    """Refuse two images of one name, and an image that two sets have: it would be two patients."""
    names: dict[str, Path] = {}
    seen: dict[bytes, Boxed] = {}
    for one in found:
        file = f"{one.source}-{one.path.name}"
        if file in names:
            raise DatasetError(
                f"{one.path} and {names[file]}: both would be {file}; give each set a folder of "
                "another name, and name it once"
            )
        names[file] = one.path
        with one.path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").digest()
        first = seen.setdefault(digest, one)
        if first.source != one.source:
            raise DatasetError(
                f"{one.path} and {first.path} are one image; take it out of one of the sets"
            )


def boxes_of_mask(opacity: Mask, lungs: Mask) -> tuple[Region, ...]:
    """The boxes around what was outlined, each lung's by itself.

    Parameters
    ----------
    opacity, lungs
        Bool (rows, columns) of one shape. What is outlined beside the lungs belongs to the nearer.
    """
    radius = max(1, round(JOINED * max(opacity.shape)))
    square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    joined = cv2.morphologyEx(opacity.astype(np.uint8), cv2.MORPH_CLOSE, square) > 0
    found = []
    for side in _sides(lungs):
        labels, count = ndimage.label(joined & side)
        for one in range(1, count + 1):
            part = (labels == one) & opacity
            if part.sum() >= LEAST * opacity.size:
                rows, columns = np.nonzero(part)
                found.append(
                    Region(
                        left=float(columns.min()),
                        top=float(rows.min()),
                        right=float(columns.max() + 1),
                        bottom=float(rows.max() + 1),
                    )
                )
    return tuple(found)


def _sides(lungs: Mask) -> tuple[Mask, ...]:
    """Which part of an image is nearer to which lung; all of it where only one is seen."""
    labels, count = ndimage.label(lungs)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    large = [one + 1 for one in np.argsort(-sizes)[:2] if sizes[one] >= LEAST_LUNG * lungs.size]
    if len(large) < 2:
        return (np.ones(lungs.shape, bool),)
    first, second = (ndimage.distance_transform_edt(labels != one) for one in large)
    nearer = np.asarray(first <= second)
    return nearer, ~nearer


def _outlined(folder: Path) -> Iterator[Boxed]:
    source = folder.resolve().name
    paths = sorted(path for path in (folder / "images").glob("*") if path.is_file())
    if not paths:
        raise DatasetError(f"{folder}/images: no images; name the folder of a set with masks")
    for at, path in enumerate(paths):
        shape = _grey(path).shape
        lungs = _mask(folder / "masks" / f"{path.stem}_lungs.png", shape)
        if not lungs.any():
            raise DatasetError(f"{path}: its mask has no lungs; correct it, or take the image out")
        drawn = folder / "masks" / f"{path.stem}_opacity.png"
        opacity = _mask(drawn, shape) if drawn.exists() else np.zeros(shape, bool)
        boxes = boxes_of_mask(opacity, lungs)
        if opacity.any() and not boxes:
            continue  # an opacity too small for a box: neither one nor none
        yield Boxed(
            source=source,
            path=path,
            patient=str(at // STRETCH),
            fields={},
            boxes=boxes,
        )


def _boxed(folder: Path) -> Iterator[Boxed]:
    source, dataset = folder.resolve().name, read_dataset(folder)
    boxes: dict[str, list[Region]] = {}
    for box in dataset.boxes:
        if box.label in OPACITIES:
            boxes.setdefault(box.file, []).append(box.region)
    kept = [
        item
        for item in dataset.items
        if item.view is not View.LATERAL and (item.file in boxes or item.labels & CLEAR)
    ]
    if not kept:
        raise DatasetError(
            f"{folder}: no image has a box of {', '.join(sorted(OPACITIES))}, and none is without "
            "any finding; leave this set out"
        )
    for item in kept:
        yield Boxed(
            source=source,
            path=dataset.folder / dataset.image_root / item.file,
            patient=item.patient_id,
            fields=_fields(item),
            boxes=tuple(boxes.get(item.file, ())),
        )


def _fields(item: CxrItem) -> dict[str, Any]:
    age = "" if np.isnan(item.age) else f"{item.age:g}"
    return {"age": age, "sex": item.sex, "view": item.view.value}


def _corner_and_sides(region: Region) -> tuple[float, float, float, float]:
    return (region.left, region.top, region.right - region.left, region.bottom - region.top)


def _mask(path: Path, shape: tuple[int, ...]) -> Mask:
    found = _grey(path)
    if found.shape != shape:
        raise DatasetError(f"{path}: not the size of its image; a box would be in another place")
    return np.asarray(found > 127)


def _grey(path: Path) -> npt.NDArray[np.uint8]:
    found = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise DatasetError(f"{path}: cannot be read; restore it, or take its image out of the set")
    return np.asarray(found, np.uint8)


def _write(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows(rows)
