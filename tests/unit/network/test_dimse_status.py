"""Every error has its DIMSE status, decided by one table (PS3.4 Annex B.2.3)."""

import pytest

from dicom_node.domain.reception import (
    IdentifierMismatchError,
    IdentifierMissingError,
    NotStoredError,
    ObjectTooLargeError,
    OutOfSpaceError,
    UnreadableDatasetError,
    WriteError,
)
from dicom_node.errors import NodeError
from dicom_node.network.errors import ReceptionStoppedError
from dicom_node.network.status import (
    STORE_STATUS,
    is_duplicate,
    is_final,
    is_success,
    is_warning,
    response,
    store_status,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OutOfSpaceError, 0xA700),
        (WriteError, 0xA700),
        (ReceptionStoppedError, 0xA700),
        (ObjectTooLargeError, 0xA701),
        (IdentifierMismatchError, 0xA900),
        (UnreadableDatasetError, 0xC001),
        (IdentifierMissingError, 0xC002),
        (NotStoredError, 0x0110),
        (NodeError, 0x0110),
    ],
)
def test_each_error_has_its_status(error: type[NodeError], status: int) -> None:
    assert store_status(error("reason")) == status


def test_no_row_is_hidden_by_a_more_general_one_above_it() -> None:
    kinds = [kind for kind, _ in STORE_STATUS]
    for position, kind in enumerate(kinds):
        assert not any(issubclass(kind, above) for above in kinds[:position])


def test_no_failure_reads_as_a_success() -> None:
    assert not any(is_success(status) for _, status in STORE_STATUS)


@pytest.mark.parametrize("status", [0x0001, 0x0107, 0xB000, 0xB006, 0xB007])
def test_a_warning_is_a_success(status: int) -> None:
    assert is_warning(status)
    assert is_success(status)


@pytest.mark.parametrize("status", [0xA700, 0xA7FF, 0x0110, 0x0124, 0x0210, 0xC000, 0xC001])
def test_what_may_pass_or_be_put_right_at_the_peer_is_not_final(status: int) -> None:
    assert not is_final(status)


@pytest.mark.parametrize("status", [0xA900, 0xA9FF, 0x0122, 0x0117, 0x0118, 0x0119])
def test_what_is_wrong_with_the_object_itself_is_final(status: int) -> None:
    assert is_final(status)


def test_a_duplicate_sop_instance_is_there() -> None:
    assert is_duplicate(0x0111)
    assert not is_final(0x0111)


def test_a_comment_fits_its_value_representation() -> None:
    elements = response(0xC001, "x" * 200)

    assert elements.Status == 0xC001
    assert len(elements.ErrorComment) == 64
