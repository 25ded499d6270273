"""Messages that the node sends of itself: N-CREATE of availability, N-EVENT-REPORT of steps.

Each receiver's go in order over one association. For events the node proposes the SCP role of the
UPS Event SOP Class (PS3.4 Section CC.2.4, PS3.7 Annex D.3.3.4).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, build_role
from pynetdicom.association import Association

from dicom_node.domain.peer_message import MessageKind, PeerMessage
from dicom_node.network.associations import Destination, ScuTimeouts, open_association
from dicom_node.network.errors import AssociationAbortedError, AssociationError
from dicom_node.network.performed_data import AVAILABILITY
from dicom_node.query.json_model import from_json
from dicom_node.query.reading import UNREADABLE
from dicom_node.ups.codes import UPS_EVENT, UPS_PUSH

SOP_CLASSES = {MessageKind.AVAILABILITY: AVAILABILITY, MessageKind.STEP_EVENT: UPS_EVENT}
_PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_DUPLICATE = 0x0111  # of an availability: an answer before this one was lost


class NotOfferedError(AssociationError):
    """The receiver takes associations, but no messages of this kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageScu:
    """Sends messages as this node's AE title."""

    calling_ae: str
    timeouts: ScuTimeouts

    def send(
        self, receiver: Destination, messages: Sequence[PeerMessage]
    ) -> Iterator[tuple[PeerMessage, str]]:
        """Send messages in order; yield each that was answered, with why it was refused, if it was.

        Raises
        ------
        AssociationError
            It cannot be reached, does not let the node in, or stopped answering.
        """
        classes = dict.fromkeys(SOP_CLASSES[each.kind] for each in messages)
        with open_association(
            receiver,
            [build_context(uid, _PLAIN) for uid in classes],
            self.calling_ae,
            self.timeouts,
            roles=[build_role(UPS_EVENT, scp_role=True)] if UPS_EVENT in classes else [],
        ) as association:
            offered = {str(each.abstract_syntax) for each in association.accepted_contexts}
            for number, message in enumerate(messages, start=1):
                if SOP_CLASSES[message.kind] not in offered:
                    raise NotOfferedError(f"{receiver.ae_title} takes no {message.kind} messages")
                yield message, _refusal(association, receiver, message, number % 0xFFFF or 1)


def _refusal(
    association: Association, receiver: Destination, message: PeerMessage, number: int
) -> str:
    """Send one message; return why it was refused, empty where it was taken."""
    try:
        dataset = from_json(message.attributes)
        status = _sent(association, message, dataset, number).get("Status")
    except UNREADABLE:  # somebody's own words, repeated: no other message waits for them
        return "it holds values that cannot be written as DICOM"
    if status is None:
        raise AssociationAbortedError(f"{receiver.ae_title} did not answer")
    taken = status in (0, _DUPLICATE) or 0xB000 <= status <= 0xBFFF
    return "" if taken else f"{receiver.ae_title} answered 0x{status:04X}"


def _sent(association: Association, message: PeerMessage, dataset: Dataset, number: int) -> Any:
    try:
        if message.kind is MessageKind.AVAILABILITY:
            return association.send_n_create(
                dataset, AVAILABILITY, message.sop_instance_uid, msg_id=number
            )[0]
        return association.send_n_event_report(
            dataset,
            message.event_type,
            UPS_PUSH,
            message.sop_instance_uid,
            msg_id=number,
            meta_uid=UPS_EVENT,
        )[0]
    except RuntimeError as error:  # the association has ended meanwhile
        raise AssociationAbortedError(str(error)) from error
