"""Shadow runs: a candidate sees live images after the champion; what it says goes nowhere.

Its probabilities are kept to be compared. They are in no report, no overlay, no delivery, and on
no page.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """A version of a model that runs as shadow since ``since``; ``actor`` wanted it."""

    model_name: str
    version: str
    weights_digest: str
    since: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowScore:
    """What both versions said of one image.

    ``scores`` are the shadow's own probabilities, ``champion_scores`` the champion's, by label;
    ``champion_calls`` says which labels the champion reported as present. ``failure`` says why
    the shadow could not look at the image; then it has no scores.
    """

    job_id: str
    sop_instance_uid: str
    device_id: str
    model_name: str
    weights_digest: str
    champion_digest: str
    scored_at: datetime
    scores: Mapping[str, float] = field(default_factory=dict)
    champion_scores: Mapping[str, float] = field(default_factory=dict)
    champion_calls: Mapping[str, bool] = field(default_factory=dict)
    failure: str = ""
