"""Salvage: what a dead workflow left is taken up again.

A study that is being worked on names the workflow that has claimed it. That may have died where its
row could not say so: a step met an error that nobody foresaw, the database was away, the store of
workflows was lost, or a version of the node began it whose workflows this one does not run. A sweep
asks the workflow store, in one query, what became of the workflows that studies name, and repairs
the rows of dead ones: a study has failed, and says so, or is analysed anew where another version
left it or the store knows nothing of it, as after a power cut.

Nothing is done twice at a time: what is alive is left alone, what another version might run is
cancelled first, and every repair holds only for a row that is still as it was when it was read.
"""

import logging

from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.giving_up import GivingUp
from dicom_node.workflow.ports import Fate, Life, StudyStore, Workflows

_LOG = logging.getLogger(__name__)
_UNKNOWN = "the workflow store does not know the analysis that was begun: it is begun anew"
_LEFT = "begun by another version of the node, which does not go on with it"


class Salvage:
    """Repairs the rows whose workflows are dead; one per process, swept by one thread."""

    def __init__(
        self,
        *,
        index: StudyStore,
        completion: Completion,
        giving_up: GivingUp,
        workflows: Workflows,
    ) -> None:
        self._index = index
        self._completion = completion
        self._giving_up = giving_up
        self._workflows = workflows

    def sweep(self) -> None:
        """Repair the studies whose workflows are dead."""
        claims = self._index.claims()
        if not claims:
            return
        fates = self._workflows.fates(list(claims.values()))
        left = [name for name, fate in fates.items() if fate.life is Life.LEFT]
        if left:
            self._workflows.cancel(left)
        for study, workflow in claims.items():
            self._repair(study, workflow, fates.get(workflow))

    def _repair(self, study: str, workflow: str, fate: Fate | None) -> None:
        if fate is None:
            # It had begun before the study was claimed: the store has lost it.
            _LOG.warning("study released study=%s reason=%r", study, _UNKNOWN)
            self._completion.release(study, workflow)
            self._completion.expect(study)
        elif fate.life is Life.LEFT:
            _LOG.warning("study released study=%s reason=%r", study, _LEFT)
            self._completion.release(study, workflow)
        elif fate.life is Life.ENDED:
            reason = f"the analysis broke off; dicom-node retry tries it again{_because(fate)}"
            _LOG.error("study lost study=%s workflow=%s reason=%r", study, workflow, reason)
            self._giving_up.give_up(study, workflow, reason)


def _because(fate: Fate) -> str:
    return f": {fate.error}" if fate.error else ""
