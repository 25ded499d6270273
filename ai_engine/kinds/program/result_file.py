"""``result.json``, as a program leaves it: read field by field, and refused in words.

    {
      "version": "2.3.1",
      "images": [
        {
          "sop_instance_uid": "1.2.3",
          "findings": [
            {
              "label": "Lung Opacity",
              "probability": 0.83,
              "boxes": [{"box": [120, 80, 300, 220], "probability": 0.83}],
              "polygons": [[[120, 80], [300, 80], [300, 220]]]
            }
          ],
          "measurements": [{"name": "Cardiothoracic ratio", "value": 0.52, "unit": "1"}]
        }
      ],
      "refused": [{"sop_instance_uid": "1.2.4", "reason": "rotated"}]
    }

Places are in pixels of the image: x to the right, y down, from the top left corner of the first
pixel. Labels are those of the card; one that isn't listed on an image has probability 0 there.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ai_engine.errors import BackendError
from ai_engine.prediction import FoundBox, Region

RESULT = "result.json"
LARGEST_RESULT = 32 * 1024**2
MOST_POINTS = 10_000

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldFinding:
    """What a program says of one label on one image: boxes or outlines, not both."""

    label: str
    probability: float
    boxes: tuple[FoundBox, ...] = ()
    polygons: tuple[tuple[Point, ...], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldMeasurement:
    """A number with its name and UCUM unit."""

    name: str
    value: float
    unit: str

    @property
    def words(self) -> str:
        """A sentence."""
        unit = "" if self.unit == "1" else f" {self.unit}"
        return f"{self.name}: {self.value:g}{unit}."


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldImage:
    """What a program says of one image."""

    sop_instance_uid: str
    findings: tuple[ToldFinding, ...] = ()
    measurements: tuple[ToldMeasurement, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a program says: of images that it has looked at, and of those that it refused."""

    images: tuple[ToldImage, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


def read_result(path: Path, *, known: frozenset[str], labels: frozenset[str]) -> Told:
    """Read a result.

    Parameters
    ----------
    path
        The file.
    known
        The SOP Instance UIDs of the images that the program was given.
    labels
        The labels of its card.

    Raises
    ------
    BackendError
        If it isn't such a file, or speaks of other images or labels.
    """
    if path.stat().st_size > LARGEST_RESULT:
        raise BackendError(f"the program's {RESULT}: is longer than {LARGEST_RESULT} bytes")
    try:
        document = json.loads(path.read_bytes())
        return _told(_table(document, "it"), known, labels)
    except (_Wrong, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise BackendError(f"the program's {RESULT}: {error}") from error


class _Wrong(Exception):  # noqa: N818 - carried to the one place above that names the file
    """Something in a result is not as it should be."""


def _told(table: dict[str, Any], known: frozenset[str], labels: frozenset[str]) -> Told:
    images = tuple(_image(each, known, labels) for each in _list(table, "images"))
    refused = {}
    for each in _list(table, "refused"):
        entry = _table(each, "an entry of refused")
        refused[_uid(entry, known)] = _text(entry, "reason", 120) or "the program gives no reason"
    seen = [each.sop_instance_uid for each in images]
    if len(set(seen)) < len(seen) or refused.keys() & set(seen):
        raise _Wrong("names an image twice")
    return Told(images=images, refused=refused, version=_text(table, "version", 32))


def _image(value: Any, known: frozenset[str], labels: frozenset[str]) -> ToldImage:
    table = _table(value, "an entry of images")
    findings = tuple(_finding(each, labels) for each in _list(table, "findings"))
    named = [each.label for each in findings]
    if len(set(named)) < len(named):
        raise _Wrong("names a label twice on one image: give its boxes or polygons together")
    return ToldImage(
        sop_instance_uid=_uid(table, known),
        findings=findings,
        measurements=tuple(_measurement(each) for each in _list(table, "measurements")),
    )


def _finding(value: Any, labels: frozenset[str]) -> ToldFinding:
    table = _table(value, "an entry of findings")
    label = table.get("label")
    if label not in labels:
        raise _Wrong(
            f"has the label {str(label)[:64]!r}, and the card has "
            f"{', '.join(sorted(labels)) or 'none'}"
        )
    boxes = tuple(_box(each) for each in _list(table, "boxes"))
    polygons = tuple(_polygon(each) for each in _list(table, "polygons"))
    if boxes and polygons:
        raise _Wrong(f"has boxes and polygons of {label}: give one of them")
    return ToldFinding(
        label=str(label),
        probability=_probability(table),
        boxes=tuple(sorted(boxes, key=lambda box: -box.probability)),
        polygons=polygons,
    )


def _box(value: Any) -> FoundBox:
    table = _table(value, "an entry of boxes")
    sides = table.get("box")
    if not isinstance(sides, list) or len(sides) != 4:
        raise _Wrong("has a box that isn't left, top, right and bottom")
    left, top, right, bottom = (_number(each, "a box") for each in sides)
    if not (left < right and top < bottom):
        raise _Wrong("has a box without area")
    region = Region(left=left, top=top, right=right, bottom=bottom)
    return FoundBox(region=region, probability=_probability(table))


def _polygon(value: Any) -> tuple[Point, ...]:
    if not isinstance(value, list) or not 3 <= len(value) <= MOST_POINTS:
        raise _Wrong(f"has a polygon of fewer than 3 or more than {MOST_POINTS} points")
    points = []
    for each in value:
        if not isinstance(each, list) or len(each) != 2:
            raise _Wrong("has a polygon whose points aren't pairs of x and y")
        points.append((_number(each[0], "a polygon"), _number(each[1], "a polygon")))
    return tuple(points)


def _measurement(value: Any) -> ToldMeasurement:
    table = _table(value, "an entry of measurements")
    name = _text(table, "name", 64)
    if not name:
        raise _Wrong("has a measurement without a name")
    unit = _text(table, "unit", 16) or "1"
    return ToldMeasurement(name=name, value=_number(table.get("value"), name), unit=unit)


def _probability(table: dict[str, Any]) -> float:
    value = _number(table.get("probability"), "a probability")
    if not 0 <= value <= 1:
        raise _Wrong(f"has a probability of {value:g}, which isn't between 0 and 1")
    return value


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e15:
        raise _Wrong(f"has in {what} what is no number")
    if not math.isfinite(value):
        raise _Wrong(f"has in {what} what is no number (NaN or infinite)")
    return float(value)


def _uid(table: dict[str, Any], known: frozenset[str]) -> str:
    uid = table.get("sop_instance_uid")
    if uid not in known:
        raise _Wrong("speaks of an image that it wasn't given (sop_instance_uid)")
    return str(uid)


def _text(table: dict[str, Any], key: str, longest: int) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _Wrong(f"has in {key} what is no text")
    return "".join(letter if letter.isprintable() else " " for letter in value)[:longest].strip()


def _table(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Wrong(f"{what} is no object")
    return value


def _list(table: dict[str, Any], key: str) -> Sequence[Any]:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise _Wrong(f"has in {key} what is no list")
    return value
