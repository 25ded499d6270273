"""Salvage: what a dead workflow left is taken up again.

A row that is being worked on names its workflow: a study the one that has claimed it, a delivery
the one of its next try. The workflow may have died where its row could not say so: a step met an
error that nobody foresaw, the database was away, the store of workflows was lost, or a version of
the node began it whose workflows this one does not run. A sweep asks the workflow store, in one
query, what became of the workflows that unfinished rows name, and repairs the rows of dead ones:

* a study has failed, and says so, or is analysed anew where another version left it;
* a delivery's try counts as one that failed, so that the next one follows after the usual time;
* a delivery that nothing has tried is tried.

Nothing is done twice at a time: what is alive is left alone, what another version might run is
cancelled first, and every repair holds only for a row that is still as it was when it was read.
"""

import logging
from collections.abc import Mapping
from datetime import timedelta

from dicom_node.domain.delivery import Delivery
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.deliver import Delivering
from dicom_node.workflow.ports import Clock, Fate, Life, ResultStore, StudyStore, Workflows

_LOG = logging.getLogger(__name__)
# Whoever plans a delivery also starts it; by now that has happened, or never will.
_STRANDED_AFTER = timedelta(seconds=30)
# How many deliveries a sweep looks at. Should more be waiting, the next sweep looks at the next.
_PAGE = 500
_LEFT = "begun by another version of the node, which does not go on with it"


class Salvage:
    """Repairs the rows whose workflows are dead; one per process, swept by one thread."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        completion: Completion,
        delivering: Delivering,
        workflows: Workflows,
        clock: Clock,
        page: int = _PAGE,
    ) -> None:
        self._index = index
        self._results = results
        self._completion = completion
        self._delivering = delivering
        self._workflows = workflows
        self._clock = clock
        self._size = page
        self._last: Delivery | None = None

    def sweep(self) -> None:
        """Repair the studies, and the next page of deliveries, whose workflows are dead."""
        claims = self._index.claims()
        deliveries = self._page()
        tries = [name for each in deliveries for name in (each.last_try, each.next_try)]
        named = [*claims.values(), *tries]
        if not named:
            return
        fates = self._workflows.fates(named)
        left = [name for name, fate in fates.items() if fate.life is Life.LEFT]
        if left:
            self._workflows.cancel(left)
        for study, workflow in claims.items():
            self._repair_study(study, workflow, fates.get(workflow, Fate(life=Life.ENDED)))
        for delivery in deliveries:
            self._repair_delivery(delivery, fates)

    def _page(self) -> tuple[Delivery, ...]:
        before = self._clock() - _STRANDED_AFTER
        page = self._results.unfinished_deliveries(before, after=self._last, limit=self._size)
        self._last = page[-1] if len(page) == self._size else None
        return page

    def _repair_study(self, study: str, workflow: str, fate: Fate) -> None:
        if fate.life is Life.LEFT:
            _LOG.warning("study released study=%s reason=%r", study, _LEFT)
            self._completion.release(study, workflow)
        elif fate.life is Life.ENDED:
            reason = f"the analysis broke off; dicom-node retry tries it again{_because(fate)}"
            _LOG.error("study lost study=%s workflow=%s reason=%r", study, workflow, reason)
            self._completion.abandon(study, workflow, reason)

    def _repair_delivery(self, delivery: Delivery, fates: Mapping[str, Fate]) -> None:
        # The last try has recorded its outcome, but may not have started the next one yet.
        for name in (delivery.last_try, delivery.next_try):
            if name in fates and fates[name].life is Life.ALIVE:
                return
        fate = fates.get(delivery.next_try)
        if fate is None:
            self._workflows.deliver_now(delivery)
            return
        if fate.life is Life.LEFT:
            retry = self._delivering.untried(delivery, _LEFT)
        else:
            retry = self._delivering.lost(delivery, f"the try broke off{_because(fate)}")
        if retry is not None:
            self._workflows.deliver_later(retry.delivery, retry.seconds)


def _because(fate: Fate) -> str:
    return f": {fate.error}" if fate.error else ""
