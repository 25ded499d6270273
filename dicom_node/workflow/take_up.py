"""Taking up what another version of the node has left unfinished.

DBOS runs only workflows of its own version, and would leave the others where they are. At the start
each of them is looked at: one that keeps the contract (``contract``) is made this version's own and
goes on where it was; any other is cancelled, which has ``salvage`` begin its study anew. That
repeats work but no result: jobs, UIDs and deliveries are the same again. What was written by
another serialiser, as the pickles of version 0.1.0, is not even read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from dicom_node.workflow.contract import StepContract
from dicom_node.workflow.step_values import StepValues
from dicom_node.workflow.written_values import UnreadableValueError

RUNNING = "PENDING"
# Workflows of earlier versions that this one does not have. Deliveries wait in their own rows.
GONE = frozenset({"deliver_evidence"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A value in the workflow store, and the name of the serialiser that wrote it."""

    text: str
    serializer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A workflow that has not ended: what it was given, and what its steps returned or raised."""

    workflow_id: str
    name: str
    status: str
    executor_id: str
    version: str | None
    arguments: Written | None
    steps: tuple[Written, ...]

    @property
    def is_running(self) -> bool:
        """Whether a process has begun it: the one that is named, dead or alive."""
        return self.status == RUNNING


class WorkflowRows(Protocol):
    """The rows of the workflow store, as far as DBOS gives no access to them."""

    def unfinished(self, *, but_of: Collection[str]) -> tuple[Unfinished, ...]:
        """Return the unfinished workflows of all versions but these."""

    def release(self, executor_ids: Collection[str], version: str) -> tuple[str, ...]:
        """Put what these executors run of a version back into the queue; return what that was."""

    def executors(self) -> frozenset[str]:
        """Return the executors that run something by their rows, dead or alive."""

    def adopt(self, workflow_ids: Sequence[str], version: str) -> None:
        """Make workflows those of a version, unless they have ended meanwhile."""

    def forget_foreign_values(self, serializer: str) -> int:
        """Delete what ended workflows hold of other serialisers; return of how many."""

    def close(self) -> None:
        """Let go of the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """Unfinished workflows: those that go on, and those that must be begun anew."""

    go_on: tuple[Unfinished, ...]
    anew: tuple[Unfinished, ...]


def sort_out(
    unfinished: Sequence[Unfinished], contract: StepContract, *, executor_ids: Collection[str]
) -> Sorted:
    """Tell which workflows this version goes on with: what these executors run, or nobody yet.

    One that another process runs is that one's, and in neither group: it may be alive.
    """
    own = [each for each in unfinished if not each.is_running or each.executor_id in executor_ids]
    go_on = tuple(each for each in own if keeps_contract(each, contract))
    return Sorted(go_on=go_on, anew=tuple(each for each in own if each not in go_on))


def keeps_contract(workflow: Unfinished, contract: StepContract) -> bool:
    """Whether this version would do the same steps, and can read all that was left of them."""
    if workflow.name in GONE:
        return False
    if workflow.arguments is None or not _is_readable(workflow.arguments):
        return False
    if workflow.steps and not contract.has_order_of(workflow.version):
        return False
    return all(map(_is_readable, workflow.steps))


def _is_readable(written: Written) -> bool:
    values = StepValues()
    if written.serializer != values.name():
        return False
    try:
        values.deserialize(written.text)
    except UnreadableValueError:
        return False
    return True
