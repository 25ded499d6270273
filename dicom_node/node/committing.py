"""What the node commits to: instances that its archive still has, compared by digest."""

import functools
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from dicom_node.archive.keeping import is_intact
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.commitment import (
    CommitmentResult,
    Failure,
    FailureReason,
    OpenRequest,
    Reference,
)
from dicom_node.network.commitment_scu import CommitmentScu
from dicom_node.network.sources import CommitmentSource
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of, patience, scu_timeouts
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.sole import DestinationLocks
from dicom_node.workflow.delivery.telling import CommitmentTelling

# Why there is no commitment, in the words of the conformance statement.
REASONS: Mapping[FailureReason, str] = MappingProxyType(
    {
        FailureReason.NO_SUCH_INSTANCE: "Never received, or removed since",
        FailureReason.CLASS_INSTANCE_CONFLICT: "Received as another SOP class",
        FailureReason.PROCESSING_FAILURE: "The archived file is missing, or its digest is not that "
        "of what was received",
    }
)
# The index follows the archive: what was acknowledged a moment ago may not stand in it yet.
_INDEX_LAG = timedelta(seconds=10)
_LOOK_AGAIN_SECONDS = 0.5


class Keeping:
    """Says of instances whether the archive has them."""

    def __init__(
        self,
        repositories: Repositories,
        *,
        clock: Callable[[], datetime] = utc_now,
        pause: Callable[[float], None] = time.sleep,
        lag: timedelta = _INDEX_LAG,
    ) -> None:
        """Look in these; what the index lacks is looked for again until ``lag`` after a request."""
        self._repositories = repositories
        self._clock = clock
        self._pause = pause
        self._lag = lag

    def check(self, asked: OpenRequest) -> CommitmentResult:
        """Return to what there is a commitment, and to what there is none."""
        references = asked.request.references
        reasons = {each: self._reason(each) for each in references}
        while self._may_come(reasons.values(), asked.received_at):
            self._pause(_LOOK_AGAIN_SECONDS)
            for each, reason in reasons.items():
                if reason is FailureReason.NO_SUCH_INSTANCE:
                    reasons[each] = self._reason(each)
        return CommitmentResult(
            transaction_uid=asked.request.transaction_uid,
            committed=tuple(each for each in references if reasons[each] is None),
            failed=tuple(
                Failure(reference=each, reason=int(reason))
                for each, reason in reasons.items()
                if reason is not None
            ),
        )

    def _may_come(self, reasons: Iterable[FailureReason | None], received_at: datetime) -> bool:
        age = self._clock() - received_at
        young = timedelta(0) <= age < self._lag
        return young and any(each is FailureReason.NO_SUCH_INSTANCE for each in reasons)

    def _reason(self, reference: Reference) -> FailureReason | None:
        """Return why there is no commitment to an instance; None where there is one.

        Whoever sent other content under the same UID may mean either: both must be intact.
        """
        uid = reference.sop_instance_uid
        found = self._repositories.index.instance(uid)
        if found is None:
            return FailureReason.NO_SUCH_INSTANCE
        if found.sop_class_uid != reference.sop_class_uid:
            return FailureReason.CLASS_INSTANCE_CONFLICT
        received = self._repositories.received
        others = self._repositories.conflicts.paths_of(uid)
        intact = is_intact(received.path(found.path), found.digest) and all(
            is_intact(received.path(path)) for path in others
        )
        return None if intact else FailureReason.PROCESSING_FAILURE


def commitment_source(values: dict[str, Any]) -> CommitmentSource:
    """Return what a receiver process serves storage commitment from.

    ``values`` are the node's settings as they travel to another process.
    """
    repositories = Repositories(NodeSettings.model_validate(values))
    return CommitmentSource(
        book=repositories.commitment_requests,
        answers=repositories.commitments,
        check=Keeping(repositories).check,
    )


def commitment_telling(settings: NodeSettings, repositories: Repositories) -> CommitmentTelling:
    """Return what tells results over associations of its own."""
    scu = CommitmentScu(calling_ae=settings.network.ae_title, timeouts=scu_timeouts(settings))
    return CommitmentTelling(
        book=repositories.commitment_requests,
        ae_titles=repositories.ae_titles,
        check=Keeping(repositories).check,
        tell=lambda entity, result: scu.tell(address_of(settings, entity), result),
        patience=patience(settings),
        sole=functools.partial(DestinationLocks(repositories.engine).one, "results of commitment"),
    )
