"""Which patients models learn from, and which they are measured on.

A patient belongs to one part for good, whatever device made the images: models of the node's own
are never measured on a patient that one of them was trained on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Part(StrEnum):
    """What the validated images of a patient are for."""

    TRAINING = "training"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutImage:
    """An image of a device's frozen set: it is measured by the verdict of one record, for good."""

    model_name: str
    device_id: str
    sop_instance_uid: str
    record_id: str
    patient_key: str
    frozen_at: datetime


def share_of_patient(patient_key: str, purpose: str) -> float:
    """Return a number from 0 to below 1 that is always the same for a patient and a purpose."""
    digest = hashlib.sha256(f"{purpose}\n{patient_key}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def part_of(patient_key: str, *, held_out_share: float) -> Part:
    """Return the part of a patient who has none yet."""
    held_out = share_of_patient(patient_key, "held out") < held_out_share
    return Part.HELD_OUT if held_out else Part.TRAINING


class HeldOut(Protocol):
    """The parts of patients and the frozen sets, kept in the Warehouse."""

    def assign(self, parts: Mapping[str, Part], *, at: datetime) -> Mapping[str, Part]:
        """Keep the parts of patients who have none; return the part of each."""
        ...

    def freeze(self, images: Sequence[HeldOutImage]) -> None:
        """Keep the images of frozen sets; those that are there stay as they are."""
        ...

    def frozen(self, model_name: str) -> tuple[HeldOutImage, ...]:
        """Return the frozen sets of a model, by device."""
        ...
