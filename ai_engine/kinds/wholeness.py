"""Whether a frontal chest radiograph shows both lungs whole, and the heart on the usual side.

A network that has only seen whole chests says something of a crop, too, and nobody can tell from
its probability. The lungs' outline tells: it ends at the image's border, has one side only, or no
room below it. Thresholds were chosen on the training and validation part of the NIH sample
(`bench.chest_layout` measures them).

None of it refuses an image: bases are cut off on many bedside images, a lung may be white as a
whole, and dextrocardia exists.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.prediction import Region, Remark, RemarkKind
from ai_engine.preprocessing.area_averaging import averaged
from ai_engine.preprocessing.geometry import FloatImage, Mask

GRID = 128
"""Side of the grid on which the lungs are judged."""

TOUCHING = 0.03
"""From which share of a border on the lungs end at it: the image ends before they do."""

SMALLER = 0.5
"""Below which share of the larger lung the smaller one is hardly there."""

BOTH = 0.06
"""Below which share of the image both lungs together are hardly there."""

ROOM = 0.02
"""Below which share of the lungs' height the room below them shows no bases ..."""

TALL = 0.9
"""... where the lungs are at least this high for their width."""

MIRRORED = -0.2
"""Below which agreement with the usual layout the heart seems to lie on the other side."""

SIDE = 16
"""Rows and columns of the reduced lung field that the heart's side is read from."""

CUT = "The lungs are not whole on this image: {reason}. The model was made for whole chests."
OTHER_SIDE = (
    "The heart seems to lie on the other side: the image may be mirrored, or the heart turned "
    "(dextrocardia). Sides in this result follow the usual display."
)

_WHOLE = np.uint8(255)

Values = npt.NDArray[np.float64]


def layout_remarks(
    sop_instance_uid: str, image_left: Mask, image_right: Mask, pixels: FloatImage, content: Region
) -> Iterator[Remark]:
    """Say what is odd of a frontal chest's layout.

    Parameters
    ----------
    image_left, image_right
        The lungs by their place on the image, bool: of its rows and columns, or of fewer.
    pixels
        The image as displayed, float32 (rows, columns).
    content
        The exposed part of it.
    """
    left, right = (
        on_grid(each[_part(content, pixels.shape, each.shape)])
        for each in (image_left, image_right)
    )
    reason = cut_off(left, right)
    if reason:
        yield Remark(
            kind=RemarkKind.LUNGS_CUT,
            sop_instance_uid=sop_instance_uid,
            detail=CUT.format(reason=reason),
        )
    elif (
        heart_agreement(left | right, pixels[_part(content, pixels.shape, pixels.shape)]) < MIRRORED
    ):
        yield Remark(
            kind=RemarkKind.HEART_SIDE, sop_instance_uid=sop_instance_uid, detail=OTHER_SIDE
        )


def _part(content: Region, of: tuple[int, ...], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """What a region of an image of one shape is on a grid of another over the same image."""
    down, across = (on / side for on, side in zip(shape, of, strict=True))
    return (
        slice(max(int(content.top * down), 0), round(content.bottom * down)),
        slice(max(int(content.left * across), 0), round(content.right * across)),
    )


def cut_off(left: Mask, right: Mask) -> str:
    """Why the lungs, bool (GRID, GRID) each, are not whole; empty where they are."""
    both = left | right
    if both.mean() < BOTH:
        return "hardly any lung could be outlined"
    borders = {"top": both[0], "bottom": both[-1], "left": both[:, 0], "right": both[:, -1]}
    touched = [name for name, border in borders.items() if border.mean() > TOUCHING]
    if touched:
        return f"they reach the image's {' and '.join(touched)} border"
    smaller, larger = sorted((int(left.sum()), int(right.sum())))
    if smaller < SMALLER * larger:
        return "one of them is missing or much smaller than the other"
    rows, columns = np.flatnonzero(both.any(axis=1)), np.flatnonzero(both.any(axis=0))
    has_room = GRID - 1 - rows[-1] >= ROOM * len(rows)
    if not has_room and len(rows) > TALL * len(columns):
        return "the image ends at their bases"
    return ""


def heart_agreement(both: Mask, pixels: FloatImage) -> float:
    """How far what differs between left and right agrees with the usual layout: about 1 if so.

    A mirrored image has the same with the opposite sign.

    Parameters
    ----------
    both
        Both lungs, bool (GRID, GRID), over the same part of the image as ``pixels``.
    """
    return float((asymmetry(both, pixels) * _usual_layout()).sum())


def asymmetry(both: Mask, pixels: FloatImage) -> Values:
    """What differs between the halves of the lungs' box: float64 (SIDE, SIDE / 2), image's left."""
    rows, columns = np.flatnonzero(both.any(axis=1)), np.flatnonzero(both.any(axis=0))
    height, width = pixels.shape
    part = pixels[
        int(rows[0] / GRID * height) : int((rows[-1] + 1) / GRID * height),
        int(columns[0] / GRID * width) : int((columns[-1] + 1) / GRID * width),
    ]
    reduced = averaged(part, rows=SIDE, columns=SIDE).astype(np.float64)
    reduced = (reduced - reduced.mean()) / (reduced.std() + 1e-6)
    return np.asarray((reduced - reduced[:, ::-1])[:, : SIDE // 2])


@cache
def _usual_layout() -> Values:
    """The weights that `bench.chest_layout` fitted on training images: (SIDE, SIDE / 2)."""
    table = tomllib.loads((files("ai_engine.kinds") / "usual_layout.toml").read_text("utf-8"))
    return np.array(table["weights"], dtype=np.float64).reshape(SIDE, SIDE // 2)


def on_grid(mask: Mask) -> Mask:
    """A mask (rows, columns) on the grid."""
    shares = cv2.resize(mask.view(np.uint8) * _WHOLE, (GRID, GRID), interpolation=cv2.INTER_AREA)
    return np.asarray(shares > _WHOLE // 2, dtype=np.bool_)
