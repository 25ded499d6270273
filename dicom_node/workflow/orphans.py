"""Orphans: workflows that no thread runs although their rows say that this process does.

A thread may end without a word: the store of workflows could not take its outcome, or an error came
that is no ``Exception``. What is found so in two sweeps, one after the other, is taken up again; a
workflow that breaks off again and again is ended, and its study says so.
"""

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Protocol

from dicom_node.workflow.analysis.giving_up import GivingUp
from dicom_node.workflow.ports import StudyStore

_LOG = logging.getLogger(__name__)
_TRIES = 2


class RunningWorkflows(Protocol):
    """The workflows of this process."""

    def orphans(self) -> Collection[str]:
        """Return those that should be running and that no thread runs."""

    def take_up(self, workflow_id: str) -> None:
        """Go on with one where it was."""

    def cancel(self, workflow_ids: Sequence[str]) -> None:
        """See to it that these are never run again."""


class Orphans:
    """Takes orphans up, or ends them; swept by one thread."""

    def __init__(
        self, *, workflows: RunningWorkflows, index: StudyStore, giving_up: GivingUp
    ) -> None:
        self._workflows = workflows
        self._index = index
        self._giving_up = giving_up
        self._seen: frozenset[str] = frozenset()
        self._tries: Counter[str] = Counter()

    def sweep(self) -> None:
        """Take up what was an orphan at the last sweep, too; what has just begun may be one now."""
        found = frozenset(self._workflows.orphans())
        for workflow in sorted(found & self._seen):
            if self._tries[workflow] < _TRIES:
                self._tries[workflow] += 1
                _LOG.warning("workflow taken up workflow=%s", workflow)
                self._workflows.take_up(workflow)
            else:
                self._end(workflow)
        self._seen = found - self._seen

    def _end(self, workflow: str) -> None:
        reason = "the analysis broke off again and again: the node's log has the traces"
        for study, claimed_by in self._index.claims().items():
            if claimed_by == workflow:
                _LOG.error("study lost study=%s workflow=%s reason=%r", study, workflow, reason)
                self._giving_up.give_up(study, workflow, reason)
        self._workflows.cancel([workflow])
        del self._tries[workflow]
