"""Which SOP Classes peers take: asked by an association that transfers nothing."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.errors import ConfigurationError
from dicom_node.network.associations import Destination, ScuTimeouts, open_association
from dicom_node.network.errors import AssociationError
from dicom_node.workflow.delivery.ports import DestinationAwayError

# A peer that is updated takes more; what it takes no more is learnt when it refuses it.
_KNOWN_SECONDS = 300.0
_UNCOMPRESSED: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What a peer was asked and answered, and until when that counts, by the monotonic clock."""

    asked: frozenset[str]
    accepted: frozenset[str]
    until: float


class NegotiatedAcceptance:
    """Asks each destination once in a while which of some SOP Classes it takes."""

    def __init__(
        self,
        *,
        ae_title: str,
        timeouts: ScuTimeouts,
        address: Callable[[ApplicationEntity], Destination],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ae_title = ae_title
        self._timeouts = timeouts
        self._address = address
        self._now = now
        self._known: dict[ApplicationEntity, _Known] = {}
        self._lock = Lock()

    def accepted(
        self, destination: ApplicationEntity, sop_classes: Sequence[str]
    ) -> frozenset[str]:
        """Return which of these SOP Classes a destination takes, uncompressed.

        Raises
        ------
        DestinationAwayError
            It could not be asked.
        """
        wanted = frozenset(sop_classes)
        with self._lock:
            known = self._known.get(destination)
        if known is None or known.until < self._now() or not wanted <= known.asked:
            known = _Known(
                asked=wanted,
                accepted=self._ask(destination, sop_classes),
                until=self._now() + _KNOWN_SECONDS,
            )
            with self._lock:
                self._known[destination] = known
        return known.accepted & wanted

    def learn(self, destination: ApplicationEntity, refused: frozenset[str]) -> bool:
        """Take note of classes that a destination refused; return whether that is news."""
        with self._lock:
            known = self._known.get(destination)
            if known is None or not known.accepted & refused:
                return False
            self._known[destination] = _Known(
                asked=known.asked, accepted=known.accepted - refused, until=known.until
            )
        return True

    def _ask(self, destination: ApplicationEntity, sop_classes: Sequence[str]) -> frozenset[str]:
        try:
            return accepted_classes(
                self._address(destination),
                sop_classes,
                calling_ae=self._ae_title,
                timeouts=self._timeouts,
            )
        except (ConfigurationError, AssociationError) as error:
            raise DestinationAwayError(str(error)) from error


def accepted_classes(
    destination: Destination,
    sop_classes: Iterable[str],
    *,
    calling_ae: str,
    timeouts: ScuTimeouts,
) -> frozenset[str]:
    """Ask a peer which of some SOP Classes, at most 128, it takes in an uncompressed syntax.

    Raises
    ------
    AssociationError
        As for ``storage_scu.store``.
    """
    contexts = [build_context(uid, _UNCOMPRESSED) for uid in dict.fromkeys(sop_classes)]
    with open_association(destination, contexts, calling_ae, timeouts) as association:
        return frozenset(str(context.abstract_syntax) for context in association.accepted_contexts)
