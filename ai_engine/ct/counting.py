"""How many voxels have each label: many times as fast as a histogram where labels are few."""

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.intp]


def by_slice(labels: Labels, count: int) -> Counts:
    """The voxels of the labels 1 to ``count`` on each slice: (labels, slices)."""
    counts = np.zeros((count, len(labels)), np.intp)
    for index in np.flatnonzero(labels.any(axis=(1, 2))):
        for number in range(1, count + 1):
            counts[number - 1, index] = np.count_nonzero(labels[index] == number)
    return counts


def pairs(first: Labels, firsts: int, second: Labels, seconds: int) -> Counts:
    """The voxels of each pair of labels, 0 to ``firsts`` and 0 to ``seconds``, but not of both 0.

    Returns (firsts + 1, seconds + 1); where ``first`` is 0 nothing is counted.
    """
    counts = np.zeros((firsts + 1, seconds + 1), np.intp)
    for one, other in zip(first, second, strict=True):
        has_second = bool(other.any())
        for number in range(1, firsts + 1):
            inside = one == number
            rest = np.count_nonzero(inside)
            for label in range(1, seconds + 1) if has_second and rest else ():
                found = np.count_nonzero(inside & (other == label))
                counts[number, label] += found
                rest -= found
            counts[number, 0] += rest
    return counts
