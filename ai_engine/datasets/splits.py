"""Splits by patient that anybody gets again from the patients' identifiers alone."""

import hashlib
from collections.abc import Sequence

from ai_engine.datasets.cxr import Split

Shares = Sequence[tuple[Split, float]]

TRAIN_VALID: Shares = ((Split.TRAIN, 0.9), (Split.VALID, 0.1))
"""For data sets whose test part is published, but not what is held out for validation."""

PAPER_2: Shares = ((Split.TRAIN, 0.7), (Split.VALID, 0.2), (Split.TEST, 0.1))
"""Paper 2, sections III-A and III-B."""

_TABLE_II = 6045 / 14863
PAPER_1_RSNA: Shares = (
    (Split.TRAIN, 0.9 * (1 - _TABLE_II)),
    (Split.VALID, 0.1 * (1 - _TABLE_II)),
    (Split.TEST, _TABLE_II),
)
"""Paper 1, section VII: 6045 of RSNA's 14,863 images of two classes are tested on.

What it held out for validation isn't stated; a tenth of the others is ours.
"""


def place_of(patient: str) -> float:
    """Where a patient stands in an order that is the same on every machine: from 0 to 1."""
    return int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big") / 2**64


def split_of(patient: str, shares: Shares) -> Split:
    """The part that a patient falls into, by a hash: the same on every machine."""
    place = place_of(patient)
    for split, share in shares:
        if place < share:
            return split
        place -= share
    return shares[-1][0]
