"""What the workflow store calls the corridor's workflows and the queues that they wait in."""

from collections.abc import Iterable
from typing import Any

from dicom_node.domain.self_test import StageTime

APPLICATION = "dicom-node"
ANALYSE, CONCLUDE = "analyse_study", "conclude_review"
STUDIES, VERDICTS = "studies", "verdicts"


def stage_times(steps: Iterable[Any]) -> tuple[StageTime, ...]:
    """Return how long each step of a workflow took, of those that have ended."""
    return tuple(
        StageTime(name=each["function_name"], seconds=(ended - begun) / 1000)
        for each in steps
        if (begun := each["started_at_epoch_ms"]) is not None
        and (ended := each["completed_at_epoch_ms"]) is not None
    )
