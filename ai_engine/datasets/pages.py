"""Pictures that show no patient at all: pages of text, tables, plots, screens, blank and noise.

They come as secondary captures and film scans, and a head that knows photographs alone has no class
for them. Drawn by lot, since documents that may be passed on are as rare as they are like each
other.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.varied import text

Picture = npt.NDArray[np.uint8]
Drawer = Callable[[Picture, np.random.Generator], None]

_LINES = (cv2.LINE_AA, cv2.LINE_8)


def page(rng: np.random.Generator) -> Picture:
    """One of them, dark on light or light on dark: uint8 (rows, columns), 192 to 512 a side."""
    ways: tuple[Drawer, ...] = (_text, _text, _table, _plot, _plot, _screen, _screen, _drawing)
    kind = int(rng.integers(len(ways) + 2))
    rows, columns = (int(side) for side in rng.integers(192, 513, 2))
    if kind >= len(ways):
        return _featureless(rows, columns, rng)
    shown = np.full((rows, columns), int(rng.integers(215, 256)), dtype=np.uint8)
    ways[kind](shown, rng)
    return np.asarray(255 - shown if rng.random() < 0.4 else shown, dtype=np.uint8)


def _text(shown: Picture, rng: np.random.Generator) -> None:
    """Lines of words, some of them indented or larger."""
    rows, columns = shown.shape
    size = rng.uniform(0.25, 0.7)
    ink = int(rng.integers(0, 90))
    y = int(rng.integers(10, 40))
    while y < rows - 5:
        is_heading = rng.random() < 0.1
        height = size * (1.6 if is_heading else 1)
        if rng.random() < 0.88:
            words = " ".join(text(rng, longest=9) for _ in range(int(rng.integers(1, 12))))
            fits = max(int(columns / (18 * height)), 3)
            x = int(rng.integers(5, 25))
            cv2.putText(shown, words[:fits], (x, y), cv2.FONT_HERSHEY_SIMPLEX, height, ink, 1)
        y += round(30 * height)


def _table(shown: Picture, rng: np.random.Generator) -> None:
    rows, columns = shown.shape
    across, down = int(rng.integers(2, 7)), int(rng.integers(4, 16))
    for row in range(down):
        y = round((row + 1) * rows / (down + 1))
        if rng.random() < 0.7:
            cv2.line(shown, (0, y + 5), (columns, y + 5), int(rng.integers(60, 200)), 1)
        for column in range(across):
            x = round(column * columns / across) + 4
            cv2.putText(
                shown, text(rng, longest=7), (x, y), cv2.FONT_HERSHEY_PLAIN,
                rng.uniform(0.6, 1.0), 20, 1,
            )  # fmt: skip


def _plot(shown: Picture, rng: np.random.Generator) -> None:
    """Axes with curves, bars or points."""
    rows, columns = shown.shape
    left, bottom = round(columns * 0.12), round(rows * 0.88)
    cv2.line(shown, (left, bottom), (columns - 10, bottom), 0, 1)
    cv2.line(shown, (left, bottom), (left, 10), 0, 1)
    kind = int(rng.integers(3))
    for _ in range(int(rng.integers(1, 4))):
        ink = int(rng.integers(0, 160))
        count = int(rng.integers(5, 60))
        x = np.linspace(left + 5, columns - 12, count)
        y = bottom - 5 - np.abs(np.cumsum(rng.normal(0, 1, count)))
        y = np.clip(bottom - (bottom - y) * rng.uniform(2, 12), 10, bottom)
        points = np.stack([x, y], axis=1).astype(np.int32)
        if kind == 0:
            cv2.polylines(shown, [points], False, ink, int(rng.integers(1, 3)), cv2.LINE_AA)
        for px, py in points if kind else ():
            if kind == 1:
                cv2.rectangle(shown, (int(px), int(py)), (int(px) + 4, bottom), ink, -1)
            else:
                cv2.circle(shown, (int(px), int(py)), 3, ink, -1)
    for _ in range(int(rng.integers(2, 8))):
        at = (int(rng.integers(0, columns - 20)), int(rng.integers(10, rows)))
        cv2.putText(shown, text(rng, longest=10), at, cv2.FONT_HERSHEY_PLAIN, 0.8, 40, 1)


def _screen(shown: Picture, rng: np.random.Generator) -> None:
    """Panels, buttons and fields with words on them."""
    rows, columns = shown.shape
    for _ in range(int(rng.integers(3, 14))):
        x, y = int(rng.integers(0, columns - 30)), int(rng.integers(0, rows - 20))
        width = int(rng.integers(20, max(columns - x, 21)))
        height = int(rng.integers(10, max((rows - y) // 2, 11)))
        fill = int(rng.integers(60, 256))
        cv2.rectangle(shown, (x, y), (x + width, y + height), fill, -1)
        cv2.rectangle(shown, (x, y), (x + width, y + height), int(rng.integers(0, 200)), 1)
        for line in range(int(rng.integers(0, 5))):
            ink = 0 if fill > 140 else 255
            at = (x + 4, y + 14 * (line + 1))
            cv2.putText(shown, text(rng, longest=14), at, cv2.FONT_HERSHEY_SIMPLEX, 0.35, ink, 1)


def _drawing(shown: Picture, rng: np.random.Generator) -> None:
    """Outlines, arrows and boxes with a word here and there."""
    rows, columns = shown.shape
    for _ in range(int(rng.integers(4, 20))):
        a, b = ((int(rng.integers(0, columns)), int(rng.integers(0, rows))) for _ in range(2))
        ink, wide = int(rng.integers(0, 150)), int(rng.integers(1, 4))
        kind = int(rng.integers(4))
        if kind == 0:
            cv2.arrowedLine(shown, a, b, ink, wide, _LINES[rng.integers(2)])
        elif kind == 1:
            cv2.rectangle(shown, a, b, ink, wide)
        elif kind == 2:
            cv2.circle(shown, a, int(rng.integers(5, columns // 4)), ink, wide)
        else:
            cv2.putText(shown, text(rng, longest=12), a, cv2.FONT_HERSHEY_SIMPLEX, 0.5, ink, 1)


def _featureless(rows: int, columns: int, rng: np.random.Generator) -> Picture:
    """One grey, a slope of greys, or noise of any coarseness."""
    grain = int(rng.choice([1, 2, 8, 40]))
    small = rng.normal(0, 1, (rows // grain + 2, columns // grain + 2)).astype(np.float32)
    noise = cv2.resize(small, (columns, rows), interpolation=cv2.INTER_LINEAR)
    slope = np.linspace(-1, 1, columns)[None, :] * rng.uniform(-60, 60)
    values = rng.uniform(0, 255) + noise * rng.choice([0, 3, 20, 60]) + slope * rng.integers(2)
    return np.asarray(np.rint(np.clip(values, 0, 255)), dtype=np.uint8)
