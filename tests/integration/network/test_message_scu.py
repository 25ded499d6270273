"""Messages that the node sends of itself, over one association to a receiver."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from pynetdicom import AE, evt
from pynetdicom.events import Event

from dicom_node.domain.peer_message import Channel, MessageKind, PeerMessage
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.message_scu import MessageScu
from dicom_node.ups.codes import UPS_EVENT
from tests.unit.builders import EPOCH

REASON = "00741238"


def _message(attributes: Mapping[str, Any]) -> PeerMessage:
    return PeerMessage(
        receiver="WS1",
        channel=Channel.DIMSE,
        kind=MessageKind.STEP_EVENT,
        sop_instance_uid="1.2.3",
        event_type=2,
        attributes=attributes,
        study_instance_uid="1.2",
        made_at=EPOCH,
    )


@contextmanager
def _listening(heard: list[Any]) -> Iterator[Destination]:
    def hear(event: Event) -> tuple[int, None]:
        heard.append(event.event_information[REASON].value)
        return 0, None

    ae = AE(ae_title="WS1")
    ae.add_supported_context(UPS_EVENT, scu_role=True, scp_role=True)
    server = ae.start_server(
        ("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, hear)]
    )
    assert server is not None
    try:
        yield Destination(ae_title="WS1", host="127.0.0.1", port=int(server.server_address[1]))
    finally:
        server.shutdown()


@pytest.mark.filterwarnings("ignore:A value of type")
@pytest.mark.parametrize(
    "value",
    [
        {"vr": "US", "Value": ["many"]},
        {"vr": "LT", "Value": [{"a": 1}]},
        {"vr": "FD", "Value": ["far"]},
    ],
)
def test_a_message_that_cannot_be_written_holds_up_no_other(value: dict[str, Any]) -> None:
    heard: list[Any] = []
    bad = _message({REASON: value})
    good = _message({REASON: {"vr": "LT", "Value": ["wrong patient"]}})
    scu = MessageScu(calling_ae="AINODE", timeouts=ScuTimeouts())
    with _listening(heard) as receiver:
        answers = list(scu.send(receiver, [bad, good]))
    assert answers == [(bad, "it holds values that cannot be written as DICOM"), (good, "")]
    assert heard == ["wrong patient"]
