"""The steps of a workflow on DBOS: tried again where that may help, waited out, measured."""

import functools
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from dbos import DBOS
from dbos import error as dbos_error

from dicom_node.errors import NodeError
from dicom_node.workflow.outages import Outages, StoppedWaitingError
from dicom_node.workflow.ports import StepFailedError

P = ParamSpec("P")
R = TypeVar("R")

_LOG = logging.getLogger(__name__)
_STEP_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSteps:
    """The steps of the workflow that runs in this thread.

    ``stage`` measures a step that is done, by its name; ``concluding`` starts the workflow that
    makes a verdict known.
    """

    outages: Outages
    stage: Callable[[str], AbstractContextManager[None]]
    concluding: Callable[[str], None]

    @property
    def workflow_id(self) -> str:
        """The workflow's own."""
        return DBOS.workflow_id or ""

    def run(self, name: str, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do a step, or return what was recorded of it.

        Raises
        ------
        StepFailedError
            When it has failed as often as it is tried.
        NodeError
            What the node itself refuses, at once.
        StoppedWaitingError
            The node stops.
        """
        if self.outages.is_stopping:
            raise StoppedWaitingError(name)
        try:
            return DBOS.run_step(
                {
                    "name": name,
                    "retries_allowed": True,
                    "max_attempts": _STEP_TRIES,
                    "should_retry": functools.partial(_may_pass, name, self.workflow_id),
                },
                self.outages.waited_out(name, self._measured(name, step)),
                *args,
                **kwargs,
            )
        except dbos_error.DBOSMaxStepRetriesExceeded as exceeded:
            cause = exceeded.errors[-1]
            raise StepFailedError.of(name, cause) from cause
        except dbos_error.DBOSException as error:
            if self.outages.is_stopping:  # nobody keeps what steps do any more
                raise StoppedWaitingError(name) from error
            raise

    def conclude(self, item_id: str) -> None:
        """Start making a verdict known."""
        self.concluding(item_id)

    def _measured(self, name: str, step: Callable[P, R]) -> Callable[P, R]:
        """Return a step whose time is measured when it is done; a recorded one takes none."""

        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            with self.stage(name):
                return step(*args, **kwargs)

        return timed


def _may_pass(step: str, workflow_id: str, error: BaseException) -> bool:
    """Whether trying a step again may help: what the node itself refuses stays refused."""
    if isinstance(error, NodeError):
        return False
    _LOG.error("step failed step=%r workflow=%s", step, workflow_id, exc_info=error)
    return True


def cause_of(failure: Exception) -> Exception:
    """What made a step fail for the last time, where it was tried several times."""
    if isinstance(failure, StepFailedError) and isinstance(failure.__cause__, Exception):
        return failure.__cause__
    return failure
