"""Sends evidence to a destination, and says what went wrong in the words of the corridor."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from pydicom.uid import (
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from dicom_node.domain.application_entity import ApplicationEntity, Compression
from dicom_node.errors import ConfigurationError
from dicom_node.network.errors import AssociationError
from dicom_node.network.storage_scu import Compressed, Destination, ScuTimeouts, StoreOutcome, store
from dicom_node.workflow.analysis.deliver import DeliveryError

# Overlays in colour are the large objects among the evidence.
COMPRESSED_CLASSES = frozenset({str(SecondaryCaptureImageStorage)})
# Smallest first: a colour overlay of 3.3 MB becomes 0.85, 0.94 and 2.7 MB, in 40, 160 and 40 ms.
LOSSLESS: Mapping[Compression, tuple[str, ...]] = MappingProxyType(
    {
        Compression.SMALLEST: (str(JPEGLSLossless), str(JPEG2000Lossless), str(RLELossless)),
        Compression.JPEG_LS: (str(JPEGLSLossless),),
        Compression.JPEG_2000: (str(JPEG2000Lossless),),
        Compression.RLE: (str(RLELossless),),
        Compression.NONE: (),
    }
)


def compressed(compression: Compression) -> Compressed:
    """Return which evidence may be compressed, to what; it goes as it is where that is refused."""
    return dict.fromkeys(COMPRESSED_CLASSES, LOSSLESS[compression])


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
                compress=compressed(destination.compression),
            )
        except AssociationError as error:
            raise DeliveryError(str(error), retryable=error.retryable) from error
        failed = [outcome for outcome in outcomes if not outcome.stored]
        if failed:
            raise DeliveryError(
                f"{destination.title} did not store {len(failed)} of {len(outcomes)} objects: "
                + "; ".join(_described(outcome) for outcome in failed),
                retryable=any(outcome.retryable for outcome in failed),
                refused_classes=frozenset(
                    outcome.sop_class_uid for outcome in failed if outcome.is_of_refused_class
                ),
            )


def _described(outcome: StoreOutcome) -> str:
    status = f" status 0x{outcome.status:04X}" if outcome.status is not None else ""
    return f"{outcome.sop_instance_uid} {outcome.kind.value}{status} {outcome.comment}".rstrip()
