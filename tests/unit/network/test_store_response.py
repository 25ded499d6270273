"""The short way of encoding a C-STORE response gives pynetdicom's own bytes."""

import pytest
from pynetdicom.dimse_messages import C_STORE_RSP
from pynetdicom.dimse_primitives import C_STORE

from dicom_node.network.command_set import read_command_set
from dicom_node.network.responses import Answer, encode_store_response


def by_pynetdicom(response: C_STORE) -> bytes:
    message = C_STORE_RSP()
    message.primitive_to_message(response)
    (fragment,) = message.encode_msg(1, 0)
    ((_, data),) = fragment.presentation_data_value_list
    return bytes(data[1:])


@pytest.mark.parametrize("status", [0x0000, 0xA700, 0xC001])
@pytest.mark.parametrize("comment", [None, "StudyInstanceUID is absent or empty", "odd"])
@pytest.mark.parametrize("instance", ["1.2.3", "1.2.34", "1.2.840.10008.5.1.4.1.1.2.3.4.5.6.7.8"])
def test_is_what_pynetdicom_encodes(status: int, comment: str | None, instance: str) -> None:
    response = C_STORE()
    response.MessageID = response.MessageIDBeingRespondedTo = 65535
    response.AffectedSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    response.AffectedSOPInstanceUID = instance
    response.Status = status
    if comment is not None:
        response.ErrorComment = comment  # type: ignore[assignment]  # declared as None

    request = read_command_set(by_pynetdicom(response))
    assert encode_store_response(request, Answer(status, comment or "")) == by_pynetdicom(response)
