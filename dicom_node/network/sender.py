"""Sends evidence to a destination, and says what went wrong in the words of the corridor."""

from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom.uid import SecondaryCaptureImageStorage

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.errors import ConfigurationError
from dicom_node.network.errors import AssociationError
from dicom_node.network.storage_scu import Destination, ScuTimeouts, StoreOutcome, store
from dicom_node.workflow.analysis.deliver import DeliveryError

# Overlays in colour are the large objects among the evidence.
COMPRESSED_CLASSES = frozenset({str(SecondaryCaptureImageStorage)})


class StorageSender:
    """A storage SCU with this node's AE title (PS3.4, Annex B)."""

    def __init__(
        self,
        *,
        ae_title: str,
        timeouts: ScuTimeouts,
        path_of: Callable[[str], Path],
        address: Callable[[ApplicationEntity], Destination],
    ) -> None:
        self._ae_title = ae_title
        self._timeouts = timeouts
        self._path_of = path_of
        self._address = address

    def send(self, paths: Sequence[str], destination: ApplicationEntity) -> None:
        """Send every object over one association.

        Raises
        ------
        DeliveryError
            When any object was not stored; retryable unless every failure is final.
        """
        try:
            peer = self._address(destination)
        except ConfigurationError as error:
            raise DeliveryError(str(error), retryable=True) from error
        files = [self._path_of(path) for path in paths]
        try:
            outcomes = store(
                files,
                peer,
                calling_ae=self._ae_title,
                timeouts=self._timeouts,
                compress=COMPRESSED_CLASSES,
            )
        except AssociationError as error:
            raise DeliveryError(str(error), retryable=error.retryable) from error
        failed = [outcome for outcome in outcomes if not outcome.stored]
        if failed:
            raise DeliveryError(
                f"{destination.title} did not store {len(failed)} of {len(outcomes)} objects: "
                + "; ".join(_described(outcome) for outcome in failed),
                retryable=any(outcome.retryable for outcome in failed),
            )


def _described(outcome: StoreOutcome) -> str:
    status = f" status 0x{outcome.status:04X}" if outcome.status is not None else ""
    return f"{outcome.sop_instance_uid} {outcome.kind.value}{status} {outcome.comment}".rstrip()
