"""Images for training the guard: chests as they should be, chests as they shouldn't, and others.

Real radiographs of other body parts are scarce, so "others" are made: chests cut and put together
wrongly, and drawings of limbs, breasts, heads, slices, pelves, ultrasound fans, text and noise.
They are crude, but varied: the network learns that nothing except the layout of a chest will do.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

FloatImage = npt.NDArray[np.float32]
Maker = Callable[[np.random.Generator], FloatImage]

SIDE = 128
"""Rows and columns of the images made here; views are made from them afterwards."""


def distorted_chest(chest: FloatImage, rng: np.random.Generator) -> FloatImage:
    """A chest radiograph (float32, 0 to 1) made useless, so that it counts as "other"."""
    ways = (_small_part, _half, _shuffled, _swapped_halves, _squeezed, _swirled)
    return ways[rng.integers(len(ways))](chest, rng)


def drawn_other(rng: np.random.Generator) -> FloatImage:
    """A drawing of something that is no chest: float32 (128, 128), 0 to 1."""
    ways: tuple[Maker, ...] = (
        _limb, _limb, _limb, _limb, _hand, _breast, _slice, _slice, _symmetric, _symmetric,
        _head, _ultrasound, _screen, _clouds, _ellipses, _lateral_trunk, _lateral_trunk,
    )  # fmt: skip
    drawn = ways[rng.integers(len(ways))](rng)
    clouded = drawn + _cloud(rng, rng.uniform(1.0, 2.5)) * rng.uniform(0, 0.25)
    blurred = np.asarray(cv2.GaussianBlur(clouded, (0, 0), rng.uniform(0.3, 1.5)))
    return _collimated(np.clip(blurred, 0, 1).astype(np.float32), rng)


def _small_part(chest: FloatImage, rng: np.random.Generator) -> FloatImage:
    rows, columns = chest.shape
    share = rng.uniform(0.15, 0.42)
    height = int(rows * share)
    width = int(columns * min(share * rng.uniform(0.6, 1.6), 0.5))
    top, left = rng.integers(0, rows - height), rng.integers(0, columns - width)
    return chest[top : top + height, left : left + width]


def _half(chest: FloatImage, rng: np.random.Generator) -> FloatImage:
    """One side or the lower part, as a lateral or an abdomen would show less than two lungs."""
    rows, columns = chest.shape
    cut = rng.uniform(0.4, 0.5)
    match rng.integers(3):
        case 0:
            return chest[:, : int(columns * cut)]
        case 1:
            return chest[:, int(columns * (1 - cut)) :]
        case _:
            return chest[int(rows * rng.uniform(0.55, 0.65)) :]


def _shuffled(chest: FloatImage, rng: np.random.Generator) -> FloatImage:
    count = int(rng.integers(2, 5))
    side = SIDE // count
    square = cv2.resize(chest, (side * count, side * count), interpolation=cv2.INTER_AREA)
    tiles = square.reshape(count, side, count, side).swapaxes(1, 2).reshape(-1, side, side)
    mixed = tiles[_derangement(len(tiles), rng)].reshape(count, count, side, side)
    return np.ascontiguousarray(mixed.swapaxes(1, 2).reshape(square.shape))


def _derangement(count: int, rng: np.random.Generator) -> npt.NDArray[np.int_]:
    """A cyclic shift of a random order: no tile stays where it was."""
    order = rng.permutation(count)
    places = np.empty(count, dtype=np.int_)
    places[order] = np.roll(order, 1)
    return places


def _swapped_halves(chest: FloatImage, rng: np.random.Generator) -> FloatImage:
    axis = int(rng.integers(2))
    return np.roll(chest, int(chest.shape[axis] * rng.uniform(0.4, 0.6)), axis=axis)


def _squeezed(chest: FloatImage, rng: np.random.Generator) -> FloatImage:
    long, short = SIDE, int(SIDE * rng.uniform(0.25, 0.45))
    size = (long, short) if rng.random() < 0.5 else (short, long)
    return np.asarray(cv2.resize(chest, size, interpolation=cv2.INTER_AREA), dtype=np.float32)


def _swirled(chest: FloatImage, rng: np.random.Generator) -> FloatImage:
    square = cv2.resize(chest, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    y, x = _grid()
    radius = np.hypot(x, y)
    turn = rng.choice([-1, 1]) * rng.uniform(2, 4) * np.exp(-radius / rng.uniform(0.4, 0.8))
    from_x = np.cos(turn) * x - np.sin(turn) * y
    from_y = np.sin(turn) * x + np.cos(turn) * y
    half = SIDE / 2
    columns = np.asarray(from_x * half + half, dtype=np.float32)
    rows = np.asarray(from_y * half + half, dtype=np.float32)
    return np.asarray(cv2.remap(square, columns, rows, cv2.INTER_LINEAR), dtype=np.float32)


def _grid() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Rows and columns from -1 to 1."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return y, x


def _ellipse(
    center: tuple[float, float], axes: tuple[float, float], angle: float = 0.0
) -> npt.NDArray[np.float64]:
    """Depth of an ellipsoid along the beam, 0 to 1; centre and axes as (x, y) in -1 to 1."""
    y, x = _grid()
    x, y = x - center[0], y - center[1]
    cosine, sine = np.cos(angle), np.sin(angle)
    across = (cosine * x + sine * y) / axes[0]
    along = (cosine * y - sine * x) / axes[1]
    return np.asarray(np.sqrt(np.clip(1 - across**2 - along**2, 0, 1)))


def _bar(angle: float, offset: float, width: float) -> npt.NDArray[np.float64]:
    """Depth of a long cylinder along the beam."""
    y, x = _grid()
    across = (np.cos(angle) * x + np.sin(angle) * y - offset) / width
    return np.asarray(np.sqrt(np.clip(1 - across**2, 0, 1)))


def _limb(rng: np.random.Generator) -> FloatImage:
    """Soft tissue around one or two bones, often upright, some with a joint, some both sides."""
    angle = rng.normal(0, 0.15) if rng.random() < 0.5 else rng.uniform(-1.6, 1.6)
    offset, width = rng.uniform(-0.4, 0.4), rng.uniform(0.2, 0.75)
    density = rng.uniform(0.2, 0.8)
    image = np.maximum(_bar(angle, offset, width), rng.uniform(0, 0.3)) * density
    for _ in range(rng.integers(1, 5)):
        place = offset + rng.uniform(-0.6, 0.6) * width
        bone = _bar(angle + rng.normal(0, 0.08), place, width * rng.uniform(0.08, 0.45))
        image = image + (bone - 0.4 * np.roll(bone, 3, axis=1) * bone) * rng.uniform(0.2, 0.6)
    if rng.random() < 0.6:
        at = (offset + rng.uniform(-0.3, 0.3), rng.uniform(-0.8, 0.8))
        joint = _ellipse(at, (width * rng.uniform(0.4, 1.1), rng.uniform(0.1, 0.4)))
        image = image + joint * rng.uniform(-0.2, 0.5)
    if rng.random() < 0.25:
        image = np.maximum(image, image[:, ::-1])
    return np.asarray(image, dtype=np.float32)


def _hand(rng: np.random.Generator) -> FloatImage:
    """Several narrow bones that spread from one end: hands and feet."""
    image = _ellipse((0.0, 0.5), (rng.uniform(0.3, 0.6), rng.uniform(0.3, 0.6))) * 0.4
    for finger in np.linspace(-1, 1, int(rng.integers(3, 6))):
        angle = finger * rng.uniform(0.2, 0.5)
        bone = _bar(angle, finger * rng.uniform(0.2, 0.5), rng.uniform(0.04, 0.1))
        flesh = _bar(angle, finger * 0.35, rng.uniform(0.1, 0.18))
        image = np.maximum(image, flesh * 0.4) + bone * rng.uniform(0.1, 0.4)
    return np.asarray(image, dtype=np.float32)


def _breast(rng: np.random.Generator) -> FloatImage:
    at = (rng.choice([-1.0, 1.0]) * rng.uniform(0.6, 1.1), rng.uniform(-0.4, 0.4))
    tissue = _ellipse(at, (rng.uniform(0.6, 1.5), rng.uniform(0.5, 1.1)))
    glands = _cloud(rng, 1.8) * tissue * rng.uniform(0.3, 0.9)
    muscle = _bar(rng.uniform(0.2, 0.9) * -np.sign(at[0]), at[0], rng.uniform(0.1, 0.4))
    return np.asarray(tissue * 0.5 + glands + muscle * 0.4 * (tissue > 0), dtype=np.float32)


def _slice(rng: np.random.Generator) -> FloatImage:
    """An axial slice: a body's outline on black, with or without lungs, a vertebra, a table."""
    at = (rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1))
    axes = (rng.uniform(0.65, 1.0), rng.uniform(0.45, 0.85))
    body = (_ellipse(at, axes) > 0) * rng.uniform(0.4, 0.7)
    lungs = rng.uniform(0, 1) if rng.random() < 0.7 else 0.0
    for side in (-1, 1):
        center = (at[0] + side * axes[0] * rng.uniform(0.4, 0.55), at[1] + rng.uniform(-0.1, 0.1))
        lung = _ellipse(
            center, (axes[0] * rng.uniform(0.25, 0.42), axes[1] * rng.uniform(0.5, 0.8)),
            side * rng.uniform(-0.3, 0.3),
        )  # fmt: skip
        body = np.where((lung > 0) & (lungs > 0), body * (1 - lungs) * 0.6, body)
    spine = _ellipse((at[0], at[1] + axes[1] * 0.6), (0.13, 0.13)) > 0
    body = body + spine * rng.uniform(0.1, 0.5)
    vessels = _cloud(rng, 0.6) > rng.uniform(0.6, 0.8)
    body = body + vessels * rng.uniform(0, 0.35) * (body > 0)
    if rng.random() < 0.6:
        y, _ = _grid()
        body = body + (np.abs(y - rng.uniform(0.75, 0.95)) < 0.02) * 0.5
    return np.asarray(body + rng.uniform(0, 0.15), dtype=np.float32)


def _symmetric(rng: np.random.Generator) -> FloatImage:
    """Random shapes mirrored at the midline: pelves, hands, knees, jaws."""
    image = _ellipses(rng)
    y, _ = _grid()
    return np.asarray((image + image[:, ::-1]) / 2 + rng.uniform(-0.2, 0.2) * y, dtype=np.float32)


def _head(rng: np.random.Generator) -> FloatImage:
    at, axes = (rng.uniform(-0.15, 0.15), rng.uniform(-0.2, 0.1)), rng.uniform(0.5, 0.9, 2)
    angle = rng.uniform(-0.4, 0.4)
    skull = _ellipse(at, (axes[0], axes[1]), angle)
    inner = _ellipse(at, (axes[0] * 0.92, axes[1] * 0.92), angle)
    image = (skull > 0) * rng.uniform(0.3, 0.9) - (inner > 0) * rng.uniform(0, 0.5)
    image = image + _cloud(rng, 1.2) * (inner > 0) * rng.uniform(0.2, 0.7)
    for _ in range(rng.integers(0, 5)):
        spot = (at[0] + rng.uniform(-0.4, 0.4), at[1] + rng.uniform(-0.4, 0.4))
        depth = _ellipse(spot, (rng.uniform(0.05, 0.2), rng.uniform(0.05, 0.2)))
        image = image + depth * rng.uniform(-0.5, 0.5)
    return np.asarray(image, dtype=np.float32)


def _lateral_trunk(rng: np.random.Generator) -> FloatImage:
    """A trunk from the side, upright or lying: one airy field, spine and diaphragm beside it."""
    body = _bar(0.0, 0.0, rng.uniform(0.6, 1.3)) * rng.uniform(0.5, 0.9)
    at = (rng.uniform(-0.25, 0.25), rng.uniform(-0.4, 0.1))
    field = _ellipse(at, (rng.uniform(0.25, 0.6), rng.uniform(0.35, 0.8)), rng.uniform(-0.5, 0.5))
    body = body - field * rng.uniform(0.3, 0.7)
    spine = _bar(rng.normal(0, 0.1), rng.uniform(0.3, 0.7), rng.uniform(0.06, 0.15))
    body = body + spine * rng.uniform(0.15, 0.4)
    y, x = _grid()
    angle = rng.uniform(-0.6, 0.6)
    ribs = np.sin((y * np.cos(angle) + x * np.sin(angle)) * rng.uniform(15, 35)) > 0.6
    body = body + ribs * rng.uniform(0, 0.15)
    body = body + np.clip(y - rng.uniform(0.1, 0.6), 0, 1) * rng.uniform(0, 0.5)
    if rng.random() < 0.5:
        body = body[:, ::-1]
    return np.asarray(np.rot90(np.asarray(body), int(rng.integers(4))), dtype=np.float32)


def _ultrasound(rng: np.random.Generator) -> FloatImage:
    y, x = _grid()
    opening, depth = rng.uniform(0.3, 1.0), rng.uniform(1.2, 1.9)
    radius, angle = np.hypot(x, y + 1), np.arctan2(x, y + 1)
    fan = (np.abs(angle) < opening) & (radius < depth) & (radius > rng.uniform(0.05, 0.4))
    if rng.random() < 0.4:
        fan = (np.abs(x) < rng.uniform(0.4, 0.9)) & (np.abs(y) < rng.uniform(0.4, 0.9))
    speckle = rng.gamma(2.0, 0.15, (SIDE, SIDE)) * _cloud(rng, 1.5) * 1.5
    return np.asarray(fan * speckle, dtype=np.float32)


def _screen(rng: np.random.Generator) -> FloatImage:
    """Text and boxes, as secondary captures of reports have them."""
    image = np.full((SIDE, SIDE), rng.uniform(0, 1), dtype=np.float32)
    ink = 1 - float(image[0, 0])
    for _ in range(rng.integers(2, 14)):
        top, left = (int(value) for value in rng.integers(0, SIDE - 12, 2))
        if rng.random() < 0.3:
            cv2.rectangle(image, (left, top), (left + 30, top + 20), ink, 1)
        for letter in range(rng.integers(2, 20)):
            width = int(rng.integers(1, 4))
            image[top : top + 5, left + letter * 5 : left + letter * 5 + width] = ink
    return image


def _clouds(rng: np.random.Generator) -> FloatImage:
    return np.asarray(_cloud(rng, rng.uniform(0.0, 3.0)), dtype=np.float32)


def _ellipses(rng: np.random.Generator) -> FloatImage:
    image = np.full((SIDE, SIDE), rng.uniform(0, 0.5))
    for _ in range(rng.integers(2, 12)):
        at, axes = rng.uniform(-0.9, 0.9, 2), rng.uniform(0.06, 0.8, 2)
        depth = _ellipse((at[0], at[1]), (axes[0], axes[1]), rng.uniform(0, 3.1))
        if rng.random() < 0.4:
            depth = (depth > 0).astype(np.float64)
        image = image + depth * rng.uniform(-0.4, 0.6)
    return np.asarray(image, dtype=np.float32)


def _cloud(rng: np.random.Generator, slope: float) -> npt.NDArray[np.float64]:
    """Noise whose amplitude falls with spatial frequency, 0 to 1."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(rng.standard_normal((SIDE, SIDE))) / frequency**slope
    noise = np.fft.irfft2(spectrum, (SIDE, SIDE))
    return np.asarray((noise - noise.min()) / np.ptp(noise))


def _collimated(image: FloatImage, rng: np.random.Generator) -> FloatImage:
    """Some with a dark, bright or absent frame, and some in negative, as films are stored."""
    if rng.random() < 0.25:
        image = 1 - image
    if rng.random() < 0.3:
        top, left = rng.integers(0, SIDE // 3, 2)
        bottom, right = SIDE - rng.integers(0, SIDE // 3, 2)
        framed = np.full_like(image, rng.choice([0.0, 1.0]))
        framed[top:bottom, left:right] = image[top:bottom, left:right]
        return framed
    return image
