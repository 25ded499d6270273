"""What a peer takes and offers, found out by associations that transfer nothing."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context

from dicom_node.domain.application_entity import Compression
from dicom_node.domain.peer_profile import PeerProfile, PeerService
from dicom_node.network.associations import Destination, ScuTimeouts, open_association
from dicom_node.network.sender import compressed
from dicom_node.network.storage_scu import VERIFICATION, proposed_syntaxes, round_trip
from sr_templates.evidence_kind import EVIDENCE

SERVICES: Mapping[str, PeerService] = MappingProxyType(
    {
        VERIFICATION: PeerService.VERIFICATION,
        "1.2.840.10008.1.20.1": PeerService.COMMITMENT,
        "1.2.840.10008.5.1.4.1.2.1.1": PeerService.PATIENT_ROOT_FIND,
        "1.2.840.10008.5.1.4.1.2.1.2": PeerService.PATIENT_ROOT_MOVE,
        "1.2.840.10008.5.1.4.1.2.1.3": PeerService.PATIENT_ROOT_GET,
        "1.2.840.10008.5.1.4.1.2.2.1": PeerService.STUDY_ROOT_FIND,
        "1.2.840.10008.5.1.4.1.2.2.2": PeerService.STUDY_ROOT_MOVE,
        "1.2.840.10008.5.1.4.1.2.2.3": PeerService.STUDY_ROOT_GET,
        "1.2.840.10008.5.1.4.31": PeerService.MODALITY_WORKLIST,
        "1.2.840.10008.5.1.4.34.6.1": PeerService.UPS_PUSH,
        "1.2.840.10008.3.1.2.3.3": PeerService.MPPS,
        "1.2.840.10008.5.1.4.33": PeerService.AVAILABILITY,
    }
)
_PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]


def probe(destination: Destination, *, calling_ae: str, timeouts: ScuTimeouts) -> PeerProfile:
    """Find out what a peer takes of the node's evidence, and which services it offers.

    Raises
    ------
    AssociationError
        As for ``storage_scu.store``.
    """
    services = [build_context(uid, _PLAIN) for uid in SERVICES]
    with open_association(destination, services, calling_ae, timeouts) as association:
        acceptor = association.acceptor
        offered = {str(context.abstract_syntax) for context in association.accepted_contexts}
        echo = round_trip(association) if VERIFICATION in offered else None
        implementation = str(acceptor.implementation_class_uid or "")
        version = str(acceptor.implementation_version_name or "")
        largest_pdu = int(acceptor.maximum_length or 0)
    return PeerProfile(
        implementation_class_uid=implementation,
        implementation_version_name=version,
        largest_pdu=largest_pdu,
        services=frozenset(SERVICES[uid] for uid in offered),
        storage=_storage(destination, calling_ae, timeouts),
        echo_seconds=echo,
    )


def _storage(
    destination: Destination, calling_ae: str, timeouts: ScuTimeouts
) -> Mapping[str, tuple[str, ...]]:
    """Propose one transfer syntax a context, as deliveries do, so that each has an answer."""
    taken: dict[str, tuple[str, ...]] = {}
    contexts = [build_context(uid, syntax) for uid, syntax in storage_proposals()]
    with open_association(destination, contexts, calling_ae, timeouts) as association:
        for context in association.accepted_contexts:
            uid, syntax = str(context.abstract_syntax), str(context.transfer_syntax[0])
            taken[uid] = (*taken.get(uid, ()), syntax)
    return MappingProxyType(taken)


def storage_proposals() -> Iterator[tuple[str, str]]:
    """Yield every SOP Class of the node's evidence with every transfer syntax it may travel in."""
    lossless = compressed(Compression.SMALLEST)
    classes: Sequence[str] = list(
        dict.fromkeys(uid for spec in EVIDENCE.values() for uid in spec.sop_classes)
    )
    for uid in classes:
        syntaxes = proposed_syntaxes(ExplicitVRLittleEndian, lossless=lossless.get(uid, ()))
        yield from ((uid, syntax) for syntax in syntaxes)
