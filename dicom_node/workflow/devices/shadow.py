"""The shadow run: a candidate looks at what the champion has looked at, and nobody is told.

It is no stage of the corridor. It follows at a distance, image by image, from what the corridor
has committed: a study is never slower or worse for it, and after a crash it goes on where it was.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ai_engine.errors import AiEngineError
from dicom_node.domain.observation import Observation
from dicom_node.domain.shadow import Shadow, ShadowScore
from dicom_node.errors import NodeError
from dicom_node.workflow.ports import Clock

_LOG = logging.getLogger(__name__)
# How many images a run takes before it lets others at the machine again.
_AT_ONCE = 20


class ShadowLedger(Protocol):
    """What shadows have to look at, and what they said."""

    def all(self) -> tuple[Shadow, ...]:
        """Return every version that runs as shadow."""

    def pending(self, shadow: Shadow, *, limit: int) -> tuple[Observation, ...]:
        """Return what the champion has analysed and the shadow has not, oldest first."""

    def calls(self, job_id: str, sop_instance_uid: str) -> Mapping[str, bool]:
        """Return which labels the champion reported as present on an image."""

    def keep(self, scores: Sequence[ShadowScore]) -> None:
        """Keep what a shadow said."""


Score = Callable[[Shadow, Observation], Mapping[str, float]]
"""Runs a shadow on the image of an observation: the probability of each label."""


class ShadowRun:
    """Lets shadows look at live images."""

    def __init__(self, *, ledger: ShadowLedger, score: Score, clock: Clock) -> None:
        self._ledger = ledger
        self._score = score
        self._clock = clock

    def run(self) -> int:
        """Look at the oldest images that are waiting; return how many."""
        return sum(self._follow(shadow) for shadow in self._ledger.all())

    def _follow(self, shadow: Shadow) -> int:
        seen = 0
        for observation in self._ledger.pending(shadow, limit=_AT_ONCE):
            # One by one, so that a crash costs one image.
            self._ledger.keep([self._scored(shadow, observation)])
            seen += 1
        return seen

    def _scored(self, shadow: Shadow, observation: Observation) -> ShadowScore:
        """What the shadow says of an image, or why it cannot: neither is asked for again."""
        scores: Mapping[str, float] = {}
        failure = ""
        try:
            scores = self._score(shadow, observation)
        except (NodeError, AiEngineError) as error:
            failure = str(error)
            _LOG.warning(
                "shadow could not score model=%s/%s job=%s reason=%r",
                shadow.model_name,
                shadow.version,
                observation.job_id,
                failure,
            )
        return ShadowScore(
            job_id=observation.job_id,
            sop_instance_uid=observation.sop_instance_uid,
            device_id=observation.device_id,
            model_name=shadow.model_name,
            weights_digest=shadow.weights_digest,
            champion_digest=observation.weights_digest,
            scored_at=self._clock(),
            scores=scores,
            champion_scores=dict(observation.scores),
            champion_calls=dict(
                self._ledger.calls(observation.job_id, observation.sop_instance_uid)
            ),
            failure=failure,
        )
