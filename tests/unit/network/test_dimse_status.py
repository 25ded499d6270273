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
    is_success,
    is_transient,
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


@pytest.mark.parametrize(
    ("status", "transient"),
    [(0xA700, True), (0xA7FF, True), (0x0110, True), (0xA900, False), (0xC000, False)],
)
def test_only_a_lack_of_resources_may_pass(status: int, transient: bool) -> None:
    assert is_transient(status) is transient


def test_a_comment_fits_its_value_representation() -> None:
    elements = response(0xC001, "x" * 200)

    assert elements.Status == 0xC001
    assert len(elements.ErrorComment) == 64
