"""The conformance statement says what the code does, and nothing that it does not."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import build_context

from ai_engine.ct import codes as measured_codes
from ai_engine.library import labels
from ai_engine.prediction import RefusalReason
from dicom_node.configuration.settings import load_settings
from dicom_node.dicomweb.media_types import FRAME_MEDIA_TYPES
from dicom_node.dicomweb.notifications import notifications_router
from dicom_node.dicomweb.router import PREFIX, make_router
from dicom_node.dicomweb.storing import make_store_router
from dicom_node.dicomweb.workitems import WorkitemLimits, workitems_router
from dicom_node.domain.application_entity import (
    OPERATIONS_OF_ROLE,
    Compression,
    Operation,
    Proof,
    Role,
)
from dicom_node.domain.procedure_step import UpsStatus
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.commitment_scp import ACTION_STATUS, EVENT_STATUS
from dicom_node.network.contexts import ContextTable
from dicom_node.network.performed_data import AVAILABILITY, PERFORMED_STEP
from dicom_node.network.report_scp import REPORT_STATUS
from dicom_node.network.retrieve_scu import RETRIEVAL_SOP_CLASSES
from dicom_node.network.sender import compressed
from dicom_node.network.status import (
    DUPLICATE_SOP_INSTANCE,
    REFUSED_FOR_GOOD,
    SOP_CLASS_NOT_SUPPORTED,
    STORE_MEANING,
    STORE_STATUS,
    is_final,
)
from dicom_node.network.storage_scu import VERIFICATION, proposed_syntaxes
from dicom_node.node.conformance import conformance_statement
from dicom_node.node.conformance_web import RESOURCES
from dicom_node.query.keys import ARCHIVE_KEYS
from dicom_node.ups.errors import REASONS
from sr_templates import codes
from sr_templates.ct import codes as ct_codes
from sr_templates.evidence_kind import EVIDENCE
from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays
from tests.unit.sr_templates.builders import a_context, a_prediction, a_source, some_pixels

CONFIG = Path(__file__).parents[3] / "config"
IMPLICIT, JPEG_BASELINE = "1.2.840.10008.1.2", "1.2.840.10008.1.2.4.50"
UID_ROW = re.compile(r"^\| .* \| `([\d.]+)` \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def statement() -> str:
    return conformance_statement(load_settings(CONFIG))


def section(statement: str, number: str) -> str:
    """Return what stands under the heading with a number."""
    (found,) = re.findall(rf"^#+ {re.escape(number)} .*?(?=^#{{2,3}} |\Z)", statement, re.M | re.S)
    return str(found)


def test_the_sections_of_ps3_2_follow_each_other(statement: str) -> None:
    numbers = [part.split()[0] for part in re.findall(r"^#{2,3} (\d.*)$", statement, re.M)]
    networking = [f"3.{part}" for part in range(1, 10)]
    assert numbers == ["1", "2", "3", *networking, "4", "5", "6", "7", "8"]


def test_whatever_is_stated_as_accepted_is_accepted_and_nothing_else(statement: str) -> None:
    classes, _, syntaxes = section(statement, "3.2").partition("#### Transfer syntaxes")
    table = ContextTable()
    operations = frozenset({Operation.ECHO, Operation.STORE})
    stated = UID_ROW.findall(classes)
    proposed = [build_context(uid, IMPLICIT) for uid in stated]
    assert {cx.abstract_syntax for cx in table.supported(proposed, operations)} == set(stated)
    assert VERIFICATION in stated and len(stated) > 150
    assert set(UID_ROW.findall(syntaxes)) == table.transfer_syntaxes
    assert JPEG_BASELINE in syntaxes


def test_the_queries_that_are_stated_are_those_that_are_accepted(statement: str) -> None:
    section_of_queries = section(statement, "3.5")
    stated = UID_ROW.findall(section_of_queries.partition("#### Keys")[0])
    table = ContextTable()
    proposed = [build_context(uid, [IMPLICIT, JPEG_BASELINE]) for uid in stated]
    permitted = OPERATIONS_OF_ROLE[Role.QUERY]
    accepted = table.supported(proposed, permitted)
    assert {cx.abstract_syntax for cx in accepted} == set(stated)
    assert len(stated) == 6
    assert {uid for cx in accepted for uid in cx.transfer_syntax} == {IMPLICIT}
    assert table.supported(proposed, OPERATIONS_OF_ROLE[Role.MODALITY]) == []
    for key in ARCHIVE_KEYS:
        assert key.path in section_of_queries
    overview = section(statement, "1")
    for uid in stated:
        user = "Yes" if uid in RETRIEVAL_SOP_CLASSES else "No"
        assert f"| {UID(uid).name} | {user} | Yes |" in overview


def test_commitment_is_stated_as_it_is_accepted_and_answered(statement: str) -> None:
    stated = section(statement, "3.6")
    (uid,) = UID_ROW.findall(stated)
    assert uid == PUSH_MODEL
    table = ContextTable()
    proposed = [build_context(uid, [IMPLICIT, JPEG_BASELINE])]
    for role, permitted in OPERATIONS_OF_ROLE.items():
        accepted = table.supported(proposed, permitted)
        assert bool(accepted) == (role in (Role.MODALITY, Role.PACS))
        assert all(each.transfer_syntax == [IMPLICIT] for each in accepted)
    action, reasons, events = (
        set(re.findall(r"^\| (0x[0-9A-F]{4}) \| ", part, re.M))
        for part in re.split(r"^#### ", stated, flags=re.M)[1:]
    )
    assert action == {f"0x{each:04X}" for each in ACTION_STATUS}
    assert reasons == {"0x0110", "0x0112", "0x0119"}
    assert events == {f"0x{each:04X}" for each in EVENT_STATUS}
    assert f"| {UID(uid).name} | Yes | Yes |" in section(statement, "1")
    assert "`--proof commitment`" in stated
    assert "`--proof find`" in stated
    assert {Proof.COMMITMENT.value, Proof.FIND.value} == {"commitment", "find"}


def test_reports_are_stated_as_they_are_accepted_and_answered(statement: str) -> None:
    stated = section(statement, "3.7")
    uids = set(UID_ROW.findall(stated))
    assert uids == {PERFORMED_STEP, AVAILABILITY}
    proposed = [build_context(uid, [IMPLICIT, JPEG_BASELINE]) for uid in uids]
    for role, permitted in OPERATIONS_OF_ROLE.items():
        accepted = ContextTable().supported(proposed, permitted)
        assert len(accepted) == (2 if role in (Role.MODALITY, Role.PACS) else 0)
        assert all(each.transfer_syntax == [IMPLICIT] for each in accepted)
    answers = set(re.findall(r"^\| (0x[0-9A-F]{4}) \| ", stated, re.M))
    assert answers == {f"0x{each:04X}" for each in REPORT_STATUS}


def test_web_services_are_stated_as_they_are_served(statement: str) -> None:
    unused: Any = None  # what answers is no matter: the routes are not asked

    def nobody() -> None:
        """Stand for whoever calls."""

    routers = (
        make_router(unused, unused),
        make_store_router(unused, nobody),  # type: ignore[arg-type]
        workitems_router(unused, caller=unused, limits=WorkitemLimits()),
        notifications_router(caller=unused, notifier=unused, inbox=unused),
    )
    served = {
        (method, str(getattr(route, "path", "")).removeprefix(PREFIX) or "/")
        for router in routers
        for route in router.routes
        for method in getattr(route, "methods", None) or ("WebSocket",)
    }
    assert set(RESOURCES) == served
    stated = section(statement, "3.8")
    for method, path in RESOURCES:
        assert f"| {method} | `{path}` |" in stated
    assert str(FRAME_MEDIA_TYPES["1.2.840.10008.1.2.4.80"]) in stated


def test_no_uid_stands_where_a_name_belongs_and_every_status_has_words(statement: str) -> None:
    assert re.findall(r"^\| [\d.]{8,} ", statement, re.M) == []
    assert set(STORE_MEANING) >= {status for _, status in STORE_STATUS}
    assert set(REASONS) == set(UpsStatus)
    steps = set(re.findall(r"^\| (0x[0-9A-F]{4}) \| ", section(statement, "3.4"), re.M))
    assert steps == {f"0x{status:04X}" for status in UpsStatus}


@pytest.mark.parametrize("is_overlay", [False, True])
def test_what_is_sent_is_stated_with_its_transfer_syntaxes(
    statement: str, is_overlay: bool
) -> None:
    if is_overlay:
        (made,) = build_overlays(a_prediction(), a_source(), some_pixels(), a_context())
    else:
        made = build_measurement_report(a_prediction(), [a_source()], a_context())
    row = next(
        line for line in section(statement, "3.3").splitlines() if f"`{made.SOPClassUID}`" in line
    )
    assert row.endswith(f"| {_names_of_proposals(made)} |")
    assert ("JPEG-LS Lossless" in row) == is_overlay


def _names_of_proposals(made: Dataset) -> str:
    lossless = compressed(Compression.SMALLEST).get(made.SOPClassUID, ())
    syntax = made.file_meta.TransferSyntaxUID
    return "; ".join(
        build_context(VERIFICATION, uid).transfer_syntax[0].name
        for uid in proposed_syntaxes(syntax, lossless=lossless)
    )


def test_kinds_codes_and_parameters_are_those_of_the_code(
    statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    created, terminology = section(statement, "6"), section(statement, "7")
    for kind, spec in EVIDENCE.items():
        assert f"| {kind.value} | {spec.modality} | {9000 + spec.series_offset} |" in created
    for reason in RefusalReason:
        assert f"`{codes.REFUSAL_REASONS[reason].value}`" in terminology
    monkeypatch.setenv("DICOM_NODE_NETWORK__AE_TITLE", "OTHER")
    changed = conformance_statement(load_settings(CONFIG))
    assert "| AE title | OTHER |" in section(changed, "3.1")
    assert "| `network.ae_title` | `OTHER` |" in section(changed, "3.9")


def test_no_table_is_broken_by_what_stands_in_it(statement: str) -> None:
    columns = 0
    for line in statement.splitlines():
        if not line.startswith("|"):
            columns = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        columns = columns or cells
        assert cells == columns, line


def test_every_private_code_that_objects_may_have_is_stated(statement: str) -> None:
    """Those in tables, and the engine's, as well as those with a name of their own."""
    terminology = section(statement, "7")
    tables = (codes.REFUSAL_REASONS, ct_codes.CAUTIONS, ct_codes.REFUSAL_REASONS)
    named = {each.value for table in tables for each in table.values()}
    engine = {each.value for each in (*labels.VIEWS.values(), *labels.IMAGE_KINDS.values())}
    engine |= {measured_codes.UNDECIDED.value, measured_codes.HIGH_ATTENUATION_PERCENTAGE.value}
    assert {each for each in named | engine if f"| `{each}` |" not in terminology} == set()


def test_what_peers_answer_is_stated_as_it_is_taken(statement: str) -> None:
    stated = section(statement, "3.3")
    for status in REFUSED_FOR_GOOD:
        assert is_final(status)
        assert stated.count(f"0x{status:04X}") == 1 + (status == SOP_CLASS_NOT_SUPPORTED)
    assert f"by status 0x{SOP_CLASS_NOT_SUPPORTED:04X}" in stated
    assert f"| 0x{DUPLICATE_SOP_INSTANCE:04X} | Delivered" in stated


def test_what_one_peer_may_hold_of_the_associations_is_said(statement: str) -> None:
    """By default it is half of them, and three quarters for all that come from one address."""
    row = "32: 16 of one AE title at one address, 24 from one address"
    assert f"| Associations held at once | {row} |" in statement
