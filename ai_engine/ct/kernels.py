"""Reconstruction kernels, by what manufacturers call them in Convolution Kernel (0018,1210).

High-attenuation areas are measured on soft and on lung kernels; bone kernels sharpen edges until
vessels' rims and noise fall into the band.
"""

import re
from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType


class Kernel(IntEnum):
    """What a kernel is for, in the order of preference."""

    SOFT = 0
    LUNG = 1
    UNKNOWN = 2
    BONE = 3

    @property
    def words(self) -> str:
        """How a report calls it."""
        return _WORDS[self]


_WORDS = {
    Kernel.SOFT: "soft-tissue kernel",
    Kernel.LUNG: "lung kernel",
    Kernel.UNKNOWN: "kernel not known",
    Kernel.BONE: "bone kernel",
}

_NUMBERED = (
    # Canon (Toshiba): FC01, FC51; the ranges that are for the head are left unknown.
    (
        re.compile(r"FC(\d\d)"),
        (
            (range(20), Kernel.SOFT),
            (range(30, 40), Kernel.BONE),
            (range(50, 60), Kernel.LUNG),
            (range(80, 87), Kernel.LUNG),
        ),
    ),
    # Siemens: B30f, Br40d, I31f, Bl57; the number is the sharpness.
    (
        re.compile(r"[A-Z]{1,2}(\d\d)[A-Z]?\b"),
        (
            (range(50), Kernel.SOFT),
            (range(50, 70), Kernel.LUNG),
            (range(70, 100), Kernel.BONE),
        ),
    ),
)

_NAMED: Mapping[str, Kernel] = MappingProxyType(
    {
        # GE
        **dict.fromkeys(("STANDARD", "SOFT", "DETAIL", "CHST"), Kernel.SOFT),
        "LUNG": Kernel.LUNG,
        **dict.fromkeys(("BONE", "BONEPLUS", "EDGE"), Kernel.BONE),
        # Philips
        **dict.fromkeys(("A", "B"), Kernel.SOFT),
        **dict.fromkeys(("C", "L", "YA", "YB"), Kernel.LUNG),
        **dict.fromkeys(("D", "E", "YC", "YD"), Kernel.BONE),
    }
)


def kernel_of(name: str) -> Kernel:
    """What a kernel is for, by its name."""
    text = name.strip().upper()
    if text in _NAMED:
        return _NAMED[text]
    for pattern, ranges in _NUMBERED:
        if found := pattern.match(text):
            number = int(found.group(1))
            return next((kernel for values, kernel in ranges if number in values), Kernel.UNKNOWN)
    return Kernel.UNKNOWN
