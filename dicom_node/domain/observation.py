"""What a device's images were like and how a model scored them, kept to see drift."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ai_engine.prediction import ImageQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One analysed image: its device, its quality, and the model's own probability of each label.

    ``scores`` are those before any calibration, so that calibrations are never made from what an
    earlier one did.
    """

    job_id: str
    sop_instance_uid: str
    frame_number: int | None
    device_id: str
    model_name: str
    weights_digest: str
    observed_at: datetime
    quality: ImageQuality | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """A model does not look at a device's images since ``at``, because of ``reason``."""

    device_id: str
    model_name: str
    at: datetime
    actor: str
    reason: str
