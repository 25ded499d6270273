"""Who sent, and who asked for it, stands in the audit trail."""

from dataclasses import replace

from dicom_node.audit.message import AuditMessage
from dicom_node.network.events import AssociationClosed, AssociationOpened, InstanceReceived
from dicom_node.node.association_records import AssociationRecords
from tests.unit.builders import EPOCH, an_instance
from tests.unit.node.test_reception import CLOSED, OPENED


def _requestors(told: list[AuditMessage]) -> list[list[str]]:
    return [[each.user_id for each in one.participants if each.is_requestor] for one in told]


def _recorded(opened: AssociationOpened) -> list[AuditMessage]:
    told: list[AuditMessage] = []
    received = InstanceReceived(
        association_id=opened.association_id, instance=an_instance("1.1"), duplicate=False
    )
    ended: AssociationClosed = CLOSED
    AssociationRecords(told.append).handle([opened, received, ended])
    return told


def test_of_an_upload_the_person_or_token_is_named_beside_the_sender() -> None:
    upload = replace(OPENED, calling_ae="UPLOAD", actor="ada (scanner)", at=EPOCH)
    told = _recorded(upload)
    assert _requestors(told) == [["ada (scanner)"]] * 3
    assert all("UPLOAD" in [each.user_id for each in one.participants] for one in told)


def test_of_an_association_the_caller_is_who_asks() -> None:
    assert _requestors(_recorded(OPENED)) == [[OPENED.calling_ae]] * 3
