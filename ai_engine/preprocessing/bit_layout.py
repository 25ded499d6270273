"""Where in a word a pixel's bits are (PS3.5 Section 8.1.1), judged by header and pixels together.

The header's word counts where the pixels can be read by it. Where they cannot, the reading is
sought in which neighbours fit on each other: one that is wrong jumps by half of the grey scale
wherever the values cross a power of two. Where that leaves more than one, the image is refused.
Where the header's reading is possible, but full of such jumps, and the other sign or the other
order of bytes is clearly without, that one is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason

Words = npt.NDArray[np.unsignedinteger[npt.NBitBase]]
Stored = npt.NDArray[np.integer[npt.NBitBase]]

_CLEARLY = 4
_AT_LEAST = 64
"""The right reading has this many times fewer jumps than any other, and this many fewer still."""

_LOOKED_AT = 256
"""Rows by which a reading is judged that the header allows: most images have no doubt in them."""

_ONE_MARK = 0.9
"""Where so much of the upper half of the scale is one value, that is a mark or a border."""
_TOO_FEW = 0.02
"""Part of the pixels in the upper half of the scale below which these are marks, and no tissue."""

_GRADUAL = 64
"""A step of less than this part of the grey scale is one within tissue, and no edge."""

_WORD = 2  # bytes

STATED_SIGNED = "Pixel Representation states signed values, but those of the pixels are unsigned."
STATED_UNSIGNED = "Pixel Representation states unsigned values, but those of the pixels are signed."
SWAPPED = "The bytes of each word are in the other order than they should be, and were read so."


@dataclass(frozen=True, slots=True, kw_only=True)
class BitLayout:
    """``stored`` bits up to ``high`` (counted from 0); ``is_signed`` is None where it is in doubt.

    ``overlay_bits`` is the mask of bits that hold something else than the pixel.
    """

    stored: int
    high: int
    is_signed: bool | None
    overlay_bits: int = 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Placed:
    """Stored values, and what the header says otherwise ("" where it is right).

    ``shift`` is how many bits below the pixel's own were dropped.
    """

    values: Stored
    correction: str = ""
    shift: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    bits: int
    is_signed: bool
    correction: str = ""
    shift: int = 0
    is_swapped: bool = False

    def is_other(self, layout: BitLayout) -> bool:
        """Whether this is another reading than the one that the header states."""
        return self.is_swapped or self.is_signed != bool(layout.is_signed)

    def of(self, words: Words) -> Placed:
        width = 8 * words.dtype.itemsize
        words = words.byteswap() if self.is_swapped else words
        above = width - self.shift - self.bits
        kept = words << above if above else words
        if self.is_signed:
            kept = kept.view(f"i{words.dtype.itemsize}")
        below = width - self.bits
        values = kept >> below if below else kept
        return Placed(values=values, correction=self.correction, shift=self.shift)


def place_bits(words: Words, layout: BitLayout) -> Placed:
    """Take the pixels out of the words that they are stored in.

    Parameters
    ----------
    words
        Unsigned (rows, columns) or (rows, columns, samples).
    layout
        What the header says.

    Raises
    ------
    ImageRefusedError
        Neither header nor pixels tell where the bits are, or whether values are signed.
    """
    used = int(np.bitwise_or.reduce(words, axis=None)) & ~layout.overlay_bits
    shift = layout.high + 1 - layout.stored
    if shift:
        return _placed_elsewhere(words, layout, used, shift)
    return _placed_low(words, layout, used, "")


def _placed_elsewhere(words: Words, layout: BitLayout, used: int, shift: int) -> Placed:
    """High Bit is not Bits Stored - 1: left-aligned data, or a High Bit that is wrong."""
    stated = f"High Bit is {layout.high} with Bits Stored {layout.stored}"
    low = shift > 0 and used & ((1 << shift) - 1) == 0 and used >> (layout.high + 1) == 0
    right = used >> layout.stored == 0 or (
        layout.is_signed is True and _is_sign_extended(words, layout.stored)
    )
    if low and not right:
        correction = f"{stated}: the values were shifted right by {_bits(shift)}."
        # The sign may be wrong as well: it is judged as of values that lie low.
        overlays = layout.overlay_bits >> shift
        low_down = replace(layout, high=layout.stored - 1, overlay_bits=overlays)
        moved: Words = np.right_shift(words, shift, dtype=words.dtype)
        placed = _placed_low(moved, low_down, used >> shift, correction)
        return replace(placed, shift=shift)
    if right and not low:
        correction = f"{stated}, but the values lie in the lowest bits, where they were read."
        return _placed_low(words, layout, used, correction)
    raise ImageRefusedError(
        RefusalReason.BITS_UNCLEAR, f"{stated}, and the pixels fit more than one reading or none"
    )


def _placed_low(words: Words, layout: BitLayout, used: int, correction: str) -> Placed:
    width, bits = 8 * words.dtype.itemsize, layout.stored
    stated = _Reading(bits=bits, is_signed=bool(layout.is_signed), correction=correction)
    above, sign = used >> bits, used >> (bits - 1) & 1
    is_plain = above == 0 and (not sign or layout.is_signed is False)
    if sign and (is_plain or (bits == width and layout.is_signed)):
        stated = _undoubted(words, stated)
    if is_plain and not layout.overlay_bits and not stated.is_other(layout):
        return Placed(values=words, correction=correction)  # most images: nothing has to be moved
    if layout.is_signed is None and not is_plain and (above == 0 or bits == width):
        signs = _signs(bits, _both(correction, "Pixel Representation and pixels disagree"))
        return _best(words, signs, bits)
    if above == 0 and bits < width and layout.is_signed:
        said = _both(correction, STATED_SIGNED)
        unsigned = _Reading(bits=bits, is_signed=False, correction=said)
        return _best(words, [stated, unsigned], bits, otherwise=stated)
    is_as_stated = is_plain or bits == width or layout.overlay_bits != 0
    if is_as_stated or (layout.is_signed and _is_sign_extended(words, bits)):
        return stated.of(words)
    return _best(words, _wider(words, stated, used), bits)


def _undoubted(words: Words, stated: _Reading) -> _Reading:
    """The header's reading, unless it is full of jumps and another is clearly without."""
    some = words[:: max(words.shape[0] // _LOOKED_AT, 1)]
    width = 8 * words.dtype.itemsize
    if _jumps(stated.of(some).values, stated.bits) < _AT_LEAST:
        return stated
    correction = STATED_SIGNED if stated.is_signed else STATED_UNSIGNED
    signs = replace(
        stated, is_signed=not stated.is_signed, correction=_both(stated.correction, correction)
    )
    others = [signs] if _is_tissue(some, stated.bits) else []
    if words.dtype.itemsize == _WORD and stated.bits == width:
        said = _both(stated.correction, SWAPPED)
        others.append(replace(stated, is_swapped=True, correction=said))
        if _is_tissue(some.byteswap(), stated.bits):
            others.append(replace(signs, is_swapped=True, correction=_both(said, correction)))
    gradual = [each for each in others if _mends_steps(some, stated, each)]
    return _smoothest_of(some, [stated, *gradual]) or stated


def _mends_steps(words: Words, stated: _Reading, other: _Reading) -> bool:
    """Whether jumps become steps within tissue by another reading.

    Edges to black and white, as of marks and dead pixels, may become smaller by a reading that is
    wrong: none beside the lowest and the highest word counts.
    """
    is_end = (words == 0) | (
        words == np.iinfo(words.dtype).max >> (8 * words.itemsize - stated.bits)
    )
    beside = is_end[:, :-1] | is_end[:, 1:]
    before, after = (_steps(each.of(words).values) for each in (stated, other))
    mended = (before >= 1 << (stated.bits - 1)) & (after < (1 << stated.bits) // _GRADUAL)
    return int(np.count_nonzero(mended & ~beside)) >= _AT_LEAST


def _is_tissue(words: Words, bits: int) -> bool:
    """Whether the upper half of the scale holds more than a marker's or a border's white."""
    upper = words[words >> (bits - 1) & 1 == 1]
    if upper.size < _TOO_FEW * words.size:
        return False
    most = int(np.unique(upper, return_counts=True)[1].max())
    return bool(most < _ONE_MARK * upper.size)


def _smoothest_of(words: Words, readings: Sequence[_Reading]) -> _Reading | None:
    if len(readings) < 2:
        return None
    best = smoothest([each.of(words).values for each in readings], readings[0].bits)
    return None if best is None else readings[best]


def _signs(bits: int, what: str) -> list[_Reading]:
    return [
        _Reading(bits=bits, is_signed=False, correction=f"{what}: they were read as unsigned."),
        _Reading(bits=bits, is_signed=True, correction=f"{what}: they were read as signed."),
    ]


def _wider(words: Words, stated: _Reading, used: int) -> list[_Reading]:
    """Readings of pixels that use more bits than Bits Stored states."""
    width, bits = 8 * words.dtype.itemsize, stated.bits
    readings = [stated]
    spare = width - bits
    if used & ((1 << spare) - 1) == 0:
        correction = (
            f"High Bit is {bits - 1}, but the values are left-aligned and were shifted right by "
            f"{_bits(spare)}."
        )
        shifted = _Reading(
            bits=bits, is_signed=stated.is_signed, correction=correction, shift=spare
        )
        readings.append(shifted)
        if stated.is_signed:
            said = _both(correction, STATED_SIGNED)
            readings.append(replace(shifted, is_signed=False, correction=said))
    else:
        said = f"Bits Stored is {bits}, but the values take {used.bit_length()} bits."
        readings.append(_Reading(bits=width, is_signed=stated.is_signed, correction=said))
    if not stated.is_signed and _is_sign_extended(words, bits):
        readings.append(_Reading(bits=bits, is_signed=True, correction=STATED_UNSIGNED))
    if words.dtype.itemsize == _WORD and int(words.byteswap().max()) >> bits == 0:
        readings.append(replace(stated, is_swapped=True, correction=SWAPPED))
    return readings


def _both(first: str, second: str) -> str:
    return f"{first} {second}".strip()


def _bits(count: int) -> str:
    return "1 bit" if count == 1 else f"{count} bits"


def _is_sign_extended(words: Words, bits: int) -> bool:
    """Whether all words are signed numbers of so many bits."""
    signed = words.view(f"i{words.dtype.itemsize}")
    limit = 1 << (bits - 1)
    return int(signed.min()) >= -limit and int(signed.max()) < limit


def _best(
    words: Words, readings: Sequence[_Reading], bits: int, *, otherwise: _Reading | None = None
) -> Placed:
    """The one reading in which neighbours fit on each other, else the one that is left."""
    placed = [reading.of(words) for reading in readings]
    best = smoothest([each.values for each in placed], bits)
    if best is not None:
        return placed[best]
    if otherwise is None:
        raise ImageRefusedError(
            RefusalReason.BITS_UNCLEAR,
            "Bits Stored or Pixel Representation does not fit the pixels; correct it at the sender",
        )
    return otherwise.of(words)


def smoothest(readings: Sequence[npt.NDArray[np.generic]], bits: int) -> int | None:
    """Which of several readings of one image has clearly the fewest jumps; None where none has.

    Parameters
    ----------
    readings
        Values (rows, columns) or (rows, columns, samples).
    bits
        Depth of the grey scale; a step of half of it between neighbours is a jump.
    """
    jumps = [_jumps(reading, bits) for reading in readings]
    best = int(np.argmin(jumps))
    others = jumps[:best] + jumps[best + 1 :]
    return best if min(others) >= _CLEARLY * jumps[best] + _AT_LEAST else None


def _jumps(values: npt.NDArray[np.generic], bits: int) -> int:
    return int(np.count_nonzero(_steps(values) >= 1 << (bits - 1)))


def _steps(values: npt.NDArray[np.generic]) -> npt.NDArray[np.int64 | np.int32]:
    """How far neighbours in a row lie apart: of words as short as most, in half the bytes."""
    wide = np.int32 if values.dtype.itemsize <= _WORD else np.int64
    steps = np.subtract(values[:, 1:], values[:, :-1], dtype=wide)
    return np.asarray(np.abs(steps, out=steps))
