"""A request is for the presentation context that it comes in, or has a status: one table."""

import pytest

from dicom_node.network.command_set import read_command_set
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.contexts import REPORT_SOP_CLASSES, ContextTable
from dicom_node.network.performed_data import PERFORMED_STEP
from dicom_node.network.query_classes import QUERY_SOP_CLASSES
from dicom_node.network.served import OPERATIONS, REFUSALS, misplaced
from dicom_node.network.worklist_scp import WORKLIST_SOP_CLASSES
from dicom_node.ups.codes import MODALITY_WORKLIST, UPS_PULL, UPS_PUSH, VERIFICATION
from tests.peers.objects import CR_IMAGE
from tests.peers.raw_pdu import command, short, store_rq

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


def a_request(field: int, sop_class: str) -> bytes:
    """A request of DIMSE-C, or of DIMSE-N with all that it needs."""
    uid = sop_class.encode()
    elements = {0x0100: short(field), 0x0110: short(1), 0x0800: short(0x0101), 0x0600: b"PACS"}
    if field in (0x0110, 0x0120, 0x0130, 0x0150):
        elements |= {0x0003: uid, 0x1001: b"1.2", 0x1008: short(1)}
    else:
        elements |= {0x0002: uid, 0x1000: b"1.2", 0x1002: short(1)}
    return command(elements)


def status_of(data: bytes, context: str) -> int | None:
    request = read_command_set(data)
    fault = request.fault() or misplaced(request, context)
    return fault.status if fault else None


@pytest.mark.parametrize(
    ("field", "sop_class", "context", "status"),
    [
        (0x0030, VERIFICATION, VERIFICATION, None),
        (0x0030, CR_IMAGE, VERIFICATION, 0x0122),
        (0x0020, VERIFICATION, VERIFICATION, 0x0211),
        (0x0020, FIND, VERIFICATION, 0x0122),
        (0x0020, FIND, FIND, None),
        (0x0021, FIND, FIND, 0x0211),
        (0x0001, CR_IMAGE, FIND, 0x0122),
        (0x0001, CR_IMAGE, CR_IMAGE, None),
        (0x0001, CT_IMAGE, CR_IMAGE, None),
        (0x0001, "1.3.6.1.4.1.9.1", "1.3.6.1.4.1.9.2", None),
        (0x0020, CR_IMAGE, CR_IMAGE, 0x0211),
        (0x0030, VERIFICATION, CR_IMAGE, 0x0122),
        (0x0140, PERFORMED_STEP, PERFORMED_STEP, None),
        (0x0110, PERFORMED_STEP, PERFORMED_STEP, 0x0211),
        (0x0130, PERFORMED_STEP, PUSH_MODEL, 0x0118),
        (0x0150, PUSH_MODEL, PUSH_MODEL, 0x0211),
        (0x0110, UPS_PUSH, UPS_PULL, None),
        (0x0110, UPS_PULL, UPS_PULL, None),
        (0x0020, UPS_PUSH, UPS_PULL, None),
        (0x0110, UPS_PUSH, MODALITY_WORKLIST, 0x0118),
        (0x0100, UPS_PUSH, UPS_PUSH, 0x0211),
    ],
)
def test_each_request_for_its_context(
    field: int, sop_class: str, context: str, status: int | None
) -> None:
    assert status_of(a_request(field, sop_class), context) == status


def test_every_service_that_is_negotiated_stands_in_the_table() -> None:
    services = {*QUERY_SOP_CLASSES, *WORKLIST_SOP_CLASSES, *REPORT_SOP_CLASSES, PUSH_MODEL}
    assert set(OPERATIONS) == services
    contexts = ContextTable()
    assert not any(contexts.is_storage(each) for each in OPERATIONS)


def test_the_statement_names_every_refusal_and_no_other() -> None:
    find = a_request(0x0020, FIND)
    wrong = [
        store_rq(b""),
        store_rq(b"1.2.3", e0002=None),
        store_rq(b"1.2.3", e0100=short(0x0777)),
        a_request(0x0130, "1" * 66),
        find.replace(b"PACS", b"\0\0\0\0").replace(short(0x0020), short(0x0021)),
        command(
            {
                0x0002: b"1.2",
                0x0100: short(0x0020),
                0x0110: short(1),
                0x0700: short(9),
                0x0800: short(1),
            }
        ),
        command(
            {
                0x0003: b"1.2",
                0x1001: b"1.2",
                0x0100: short(0x0130),
                0x0110: short(1),
                0x0800: short(0x0101),
            }
        ),
        command(
            {
                0x0002: b"1.2",
                0x1000: b"1.2",
                0x0100: short(0x0100),
                0x0110: short(1),
                0x0800: short(0x0101),
            }
        ),
    ]
    assert {status_of(each, FIND) for each in wrong} == set(REFUSALS)
