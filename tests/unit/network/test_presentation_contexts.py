"""Every storage class in every transfer syntax is accepted, and nothing else."""

import pytest
from pydicom.uid import AllTransferSyntaxes
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext

from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Role
from dicom_node.network.access import Operation
from dicom_node.network.contexts import ContextTable
from dicom_node.network.query_classes import QUERY_SOP_CLASSES

EXPLICIT, IMPLICIT, JPEG_LS = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.4.80",
)
CR, VERIFICATION = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.1.1"
EVERYTHING = frozenset(Operation)


@pytest.fixture(scope="module")
def table() -> ContextTable:
    return ContextTable()


def accepted(contexts: list[PresentationContext]) -> dict[str, list[str]]:
    return {
        str(context.abstract_syntax): [str(uid) for uid in context.transfer_syntax]
        for context in contexts
    }


def test_accepts_every_storage_class_that_pynetdicom_names(table: ContextTable) -> None:
    proposed = [
        build_context(str(each.abstract_syntax), EXPLICIT)
        for each in AllStoragePresentationContexts
    ]

    assert len(table.supported(proposed, EVERYTHING)) == len(proposed)


def test_accepts_every_transfer_syntax_that_pydicom_names(table: ContextTable) -> None:
    for syntax in [*AllTransferSyntaxes, "1.2.840.113619.5.2", "1.2.840.10008.1.2.4.53"]:
        assert accepted(table.supported([build_context(CR, syntax)], EVERYTHING)) == {CR: [syntax]}


@pytest.mark.parametrize(
    "sop_class",
    [
        "1.3.12.2.1107.5.9.1",  # private: Siemens CSA Non-Image
        "1.2.840.10008.5.1.4.1.1.5",  # retired: Nuclear Medicine
        "1.2.840.10008.5.1.4.1.1.99999.1",  # not yet defined
    ],
)
def test_accepts_private_retired_and_future_storage_classes(
    table: ContextTable, sop_class: str
) -> None:
    assert table.supported([build_context(sop_class, EXPLICIT)], EVERYTHING)


@pytest.mark.parametrize(
    "sop_class",
    [
        "1.2.840.10008.5.1.4.1.2.4.3",  # Composite Instance Root Retrieve GET
        "1.2.840.10008.3.1.2.3.5",  # Modality Performed Procedure Step Notification
        "1.2.840.10008.5.1.4.1.1.200.4",  # Protocol Approval FIND
        "1.2.840.10008.5.1.4.38.1",  # Hanging Protocol Storage: no patient's object
    ],
)
def test_accepts_no_other_service(table: ContextTable, sop_class: str) -> None:
    assert table.supported([build_context(sop_class, EXPLICIT)], EVERYTHING) == []


def test_refuses_a_transfer_syntax_that_nobody_knows(table: ContextTable) -> None:
    proposed = [build_context(CR, ["1.2.3.4", JPEG_LS])]

    assert accepted(table.supported(proposed, EVERYTHING)) == {CR: [JPEG_LS]}
    assert table.supported([build_context(CR, "1.2.3.4")], EVERYTHING) == []


def test_keeps_the_order_in_which_the_peer_prefers_them(table: ContextTable) -> None:
    proposed = [build_context(CR, [JPEG_LS]), build_context(CR, [IMPLICIT, EXPLICIT])]

    assert accepted(table.supported(proposed, EVERYTHING)) == {CR: [JPEG_LS, IMPLICIT, EXPLICIT]}


@pytest.mark.parametrize(
    ("permitted", "expected"),
    [
        (frozenset[Operation](), set[str]()),
        (frozenset({Operation.ECHO}), {VERIFICATION}),
        (frozenset({Operation.STORE}), {CR}),
    ],
)
def test_offers_only_what_is_permitted(
    table: ContextTable, permitted: frozenset[Operation], expected: set[str]
) -> None:
    proposed = [build_context(CR, EXPLICIT), build_context(VERIFICATION, IMPLICIT)]

    assert set(accepted(table.supported(proposed, permitted))) == expected


def test_queries_are_for_those_who_may_query(table: ContextTable) -> None:
    proposed = [build_context(sop_class, EXPLICIT) for sop_class in QUERY_SOP_CLASSES]
    may_query = OPERATIONS_OF_ROLE[Role.QUERY]
    accepted = table.supported(proposed, may_query)
    assert {cx.abstract_syntax for cx in accepted} == QUERY_SOP_CLASSES.keys()
    assert table.supported(proposed, OPERATIONS_OF_ROLE[Role.MODALITY]) == []


def test_a_storage_class_that_its_proposer_takes_lets_it_retrieve_and_not_store(
    table: ContextTable,
) -> None:
    ct = "1.2.840.10008.5.1.4.1.1.2"
    may_query, may_store = OPERATIONS_OF_ROLE[Role.QUERY], OPERATIONS_OF_ROLE[Role.MODALITY]
    proposed = [build_context(ct, EXPLICIT)]
    (taken,) = table.supported(proposed, may_query, frozenset({ct}))
    assert (taken.scu_role, taken.scp_role) == (False, True)
    (both,) = table.supported(proposed, may_query | may_store, frozenset({ct}))
    assert (both.scu_role, both.scp_role) == (True, True)
    (stored,) = table.supported(proposed, may_store, frozenset({ct}))
    assert (stored.scu_role, stored.scp_role) == (None, None)
    assert table.supported(proposed, may_query) == []
