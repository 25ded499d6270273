"""The command line, as far as no running node is needed."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from pydicom.data import get_testdata_file
from typer.testing import CliRunner, Result

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role as HostRole
from dicom_node.domain.host import Sign
from dicom_node.errors import (
    ConfigurationError,
    ConflictError,
    InvalidFieldsError,
    NodeError,
    NotFoundError,
)
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.attribute_tables import STUDY_ATTRIBUTES
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.database import make_engine
from tests.peers.objects import announcement, encoded, make_dataset
from tests.unit.builders import STUDY, an_instance

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")


def dicom_node(*arguments: str) -> Result:
    """Run ``dicom-node``; a known error is raised as it is."""
    result = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    if isinstance(result.exception, NodeError):
        raise result.exception
    return result


def test_the_help_teaches_where_to_start() -> None:
    said = dicom_node("--help").output
    assert "Start with init" in said
    for command in ("serve", "status", "doctor", "echo", "send", "ae", "route", "models"):
        assert command in said


@pytest.mark.slow
def test_ae_titles_are_added_listed_changed_and_removed() -> None:
    assert "everybody is refused" in dicom_node("ae", "list").output
    dicom_node(
        "ae", "add", "CR1", "--host", "10.0.0.1", "--port", "104", "--role", "modality",
        "--destination", "PACS", "--quiet-period", "0",
    )  # fmt: skip
    dicom_node("ae", "set", "CR1", "--port", "11104", "--evidence", "sr")
    listed = dicom_node("ae", "list").output
    assert "10.0.0.1:11104" in listed
    assert "PACS" in listed
    assert "0 s" in listed
    dicom_node("ae", "remove", "CR1")
    assert "everybody is refused" in dicom_node("ae", "list").output


@pytest.mark.slow
def test_a_destination_that_nobody_administers_is_named() -> None:
    """A typing error would else be found when the first result does not arrive."""
    titled = ("--host", "10.0.0.1", "--port", "104", "--role")
    said = dicom_node("ae", "add", "CR1", *titled, "modality", "--destination", "PASC").output
    assert "Nothing is sent to PASC before it is added" in said
    looked = CliRunner().invoke(application, ["--config", str(CONFIG), "doctor"]).output
    assert "who gets results: CR1 names PASC, which nobody administers" in looked
    dicom_node("ae", "add", "PACS", *titled, "pacs")
    assert "Nothing is sent" not in dicom_node("ae", "set", "CR1", "--destination", "PACS").output


@pytest.mark.slow
def test_the_doctor_names_every_disk_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first may be the least: what has little room still takes what is sent."""
    (tmp_path / "data" / "archive").mkdir(parents=True)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 24))
    looked = CliRunner().invoke(application, ["--config", str(CONFIG), "doctor"]).output
    assert "0.0 GB free" in looked
    assert "evidence is not there" in looked


@pytest.mark.slow
def test_the_doctor_calls_no_host_that_does_not_receive(tmp_path: Path) -> None:
    """Which role a host has was said to ``serve --role``; its sign of life says so."""
    repositories = Repositories(NodeSettings(data_dir=tmp_path / "data"))
    repositories.migrate()
    name = repositories.settings.hosts.shown_name
    repositories.hosts.beat(
        Sign(executor_id="w1", role=HostRole.WORKER, name=name, version="1", contract="1")
    )
    repositories.close()
    looked = CliRunner().invoke(application, ["--config", str(CONFIG), "doctor"]).output
    assert f"✓ this node: {name} is a worker, and receives nothing" in looked.replace("\n", " ")


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost.", "127.0.0.2", "0.0.0.0", "::ffff:127.0.0.1"],  # noqa: S104 - refused
)
def test_no_pacs_is_the_node_itself(host: str) -> None:
    with pytest.raises(InvalidFieldsError, match="this is the node itself"):
        dicom_node("ae", "add", "PACS", "--host", host, "--port", "11112", "--role", "pacs")


def test_a_second_node_of_the_same_title_may_call_and_gets_no_results() -> None:
    """Nothing could tell the one's objects from the other's."""
    elsewhere = ("--host", "192.0.2.1", "--port", "104")
    with pytest.raises(InvalidFieldsError, match="this is the node itself"):
        dicom_node("ae", "add", "AINODE", *elsewhere, "--role", "pacs")
    dicom_node("ae", "add", "AINODE", *elsewhere, "--role", "modality")
    with pytest.raises(InvalidFieldsError, match="this is the node itself"):
        dicom_node("ae", "set", "AINODE", "--role", "pacs")


@pytest.mark.parametrize("destination", ["CR1", "CR2"])
def test_results_go_to_nobody_at_the_nodes_own_address(destination: str) -> None:
    """Whatever such an entry is called, and whatever its role is."""
    here = ("--host", "localhost", "--port", "11112", "--role", "modality")
    dicom_node("ae", "add", "CR2", *here)
    with pytest.raises(InvalidFieldsError, match=f"{destination} is at this node's own address"):
        dicom_node("ae", "add", "CR1", *here, "--destination", destination)


def test_who_gets_results_does_not_move_to_the_nodes_own_address() -> None:
    """A destination may be named before it is administered, and its address be changed later."""
    here = ("--host", "localhost", "--port", "11112")
    elsewhere = ("--host", "192.0.2.1", "--port", "104", "--role", "modality")
    dicom_node("ae", "add", "CR1", *elsewhere, "--destination", "CR2")
    with pytest.raises(InvalidFieldsError, match="this is the node itself"):
        dicom_node("ae", "add", "CR2", *here, "--role", "modality")
    dicom_node("ae", "add", "CR2", *elsewhere)
    with pytest.raises(InvalidFieldsError, match="this is the node itself"):
        dicom_node("ae", "set", "CR2", *here)
    dicom_node("ae", "set", "CR1", "--destination", "PACS")
    dicom_node("ae", "set", "CR2", *here)


def test_another_system_of_the_machine_may_listen_at_the_same_port(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the node listens at one address of several."""
    monkeypatch.setenv("DICOM_NODE_NETWORK__HOST", "127.0.0.1")
    other = ("--port", "11112", "--role", "pacs")
    dicom_node("ae", "add", "PACS", "--host", "127.0.0.2", *other)
    dicom_node("ae", "add", "CR1", "--host", "127.0.0.3", *other, "--destination", "PACS")
    for host in ("127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"):  # noqa: S104 - refused
        with pytest.raises(InvalidFieldsError, match="this is the node itself"):
            dicom_node("ae", "set", "PACS", "--host", host)
    monkeypatch.setenv("DICOM_NODE_NETWORK__HOST", "192.0.2.7")
    dicom_node("ae", "set", "PACS", "--host", "localhost")


def test_a_pacs_elsewhere_may_listen_at_the_same_port() -> None:
    dicom_node("ae", "add", "PACS", "--host", "192.0.2.1", "--port", "11112", "--role", "pacs")


def test_an_ae_title_is_not_added_twice() -> None:
    added = ("ae", "add", "CR1", "--host", "h", "--port", "104", "--role", "modality")
    dicom_node(*added)
    with pytest.raises(ConflictError, match="ae set CR1"):
        dicom_node(*added)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("ae", "add", "CR1"), ConfigurationError, "needs --host, --port, --role"),
        (("ae", "set", "CR1", "--port", "1"), NotFoundError, "CR1 is not administered"),
        (("ae", "remove", "CR1"), NotFoundError, "CR1 is not administered"),
        (("ae", "echo", "CR1"), NotFoundError, "CR1 is not administered"),
        (("send", "no-such-file"), ConfigurationError, "no-such-file does not exist"),
        (("send", str(CONFIG), "--to", "PACS@nowhere"), ConfigurationError, "TITLE@HOST:PORT"),
        (("status", "1.2.3"), NotFoundError, r"study 1\.2\.3 is not in the index"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_way_out(
    arguments: tuple[str, ...], error: type[NodeError], words: str
) -> None:
    with pytest.raises(error, match=words):
        dicom_node(*arguments)


def test_unknown_evidence_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown evidence xml"):
        dicom_node(
            "ae", "add", "P", "--host", "h", "--port", "1", "--role", "pacs", "--evidence", "xml"
        )


@pytest.mark.slow
def test_a_route_is_explained_condition_by_condition() -> None:
    path = get_testdata_file("CT_small.dcm")
    said = dicom_node("route", "explain", str(path)).output
    assert "not for chest-radiograph" in said
    assert "✗ modality: modality CT is not one of CR, DX, RG, XR" in said
    assert "✓ pixels: has pixel data" in said


def test_status_of_an_empty_node() -> None:
    assert "Nothing has been received yet" in dicom_node("status").output


@pytest.mark.slow
def test_content_that_conflicts_is_shown_with_what_to_do(tmp_path: Path) -> None:
    dicom_node("migrate")
    engine = make_engine(f"sqlite:///{tmp_path / 'data' / 'hotbase.sqlite'}")
    corrected = an_instance("1.1", digest="b", path="CR1/b.dcm")
    moved = an_instance("1.1", digest="c", path="CR1/c.dcm", study_instance_uid="1.9")
    StudyIndex(engine).record([an_instance("1.1", digest="a"), corrected, moved])
    engine.dispose()
    said = dicom_node("status", STUDY).output
    assert f"1.1 came from CR1 with other content than before (first in study {STUDY})" in said
    assert str(tmp_path / "data" / "archive" / "CR1" / "b.dcm") in said
    assert "new SOP Instance UIDs" in said
    said = dicom_node("status", "1.9").output
    assert "Nothing of this study is analysed." in said
    assert "c.dcm" in said
    assert "b.dcm" not in said
    with pytest.raises(NodeError) as failed:  # no node is listening
        dicom_node("doctor")
    assert "received" not in str(failed.value)
    said = CliRunner().invoke(application, ["--config", str(CONFIG), "doctor"]).output
    assert "! received objects: 2 came under a SOP Instance UID" in said
    assert "new SOP Instance UIDs" in said


def test_migrating_an_empty_database_says_from_where_to_where() -> None:
    said = dicom_node("migrate").output
    assert "Hotbase: schema empty → " in said
    assert "Warehouse: schema empty → " in said
    for line in dicom_node("migrate").output.splitlines():
        before, newest = line.partition("schema ")[2].rstrip(".").split(" → ")
        assert before == newest


def test_the_conformance_statement_is_printed_or_written(tmp_path: Path) -> None:
    printed = dicom_node("conformance").output
    assert printed.startswith("# AI integration node: DICOM Conformance Statement")
    path = tmp_path / "statement.md"
    dicom_node("conformance", "--output", str(path))
    assert path.read_text() == printed


@pytest.mark.slow
def test_migrating_reads_from_the_archive_what_an_earlier_version_did_not_keep(
    tmp_path: Path,
) -> None:
    dicom_node("migrate")
    archive = StorageArchive(ArchiveSettings(root=tmp_path / "data" / "archive", min_free_bytes=0))
    archive.open()
    dataset = make_dataset(1, PatientID="P1")
    stored = archive.store(encoded(dataset), announcement(dataset)).instance
    engine = make_engine(f"sqlite:///{tmp_path / 'data' / 'hotbase.sqlite'}")
    StudyIndex(engine).record([replace(stored, attributes=None)])
    said = dicom_node("migrate").output
    assert "Attributes for queries: 1 object read." in said
    with engine.connect() as connection:
        assert connection.scalar(sa.select(STUDY_ATTRIBUTES.c.patient_id)) == "P1"
    assert "Attributes for queries" not in dicom_node("migrate").output
    StudyIndex(engine).clear()
    assert "1 object read back" in dicom_node("doctor", "--rebuild-index").output
    with engine.connect() as connection:
        assert connection.scalar(sa.select(STUDY_ATTRIBUTES.c.patient_id)) == "P1"
    engine.dispose()


@pytest.mark.slow
def test_an_ae_title_is_bound_to_networks_and_to_a_certificate(tmp_path: Path) -> None:
    added = [
        "ae",
        "add",
        "CR1",
        "--host",
        "cr1",
        "--port",
        "104",
        "--role",
        "modality",
        "--from",
        "10.0.0.0/8",
        "--from",
        "host",
    ]
    dicom_node(*added, "--certificate", "AB:" * 31 + "AB")
    assert "10.0.0.0/8, host, by certificate" in dicom_node("ae", "list").output
    dicom_node("ae", "set", "CR1", "--certificate", "any", "--from", "any")
    assert "by certificate" not in dicom_node("ae", "list").output
    broken = tmp_path / "cr1.pem"
    broken.write_text("no certificate")
    with pytest.raises(ConfigurationError, match="is no certificate in PEM"):
        dicom_node("ae", "set", "CR1", "--certificate", str(broken))
