"""A probe of real peers says what they take, and changes an entry on request alone."""

import socket
import time
from pathlib import Path

import pytest
from pydicom.uid import JPEGLSLossless, SecondaryCaptureImageStorage
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.peer_profile import PeerService
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.errors import (
    AssociationAbortedError,
    AssociationRejectedError,
    ConnectionFailedError,
)
from dicom_node.network.probe import probe
from dicom_node.node import peers
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.forms.form import COMPREHENSIVE_3D, ENHANCED
from tests.peers import dcmtk
from tests.peers.orthanc import Orthanc
from tests.peers.process import free_port
from tests.peers.scp import answering_scp

pytestmark = pytest.mark.peer

CONFIG = Path(__file__).parents[3] / "config"
OVERLAY = str(SecondaryCaptureImageStorage)
TIMEOUTS = ScuTimeouts(connection=5.0, acse=30.0, dimse=30.0, network=30.0)


def address(peer: dcmtk.Peer) -> Destination:
    return Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port)


def test_orthanc_takes_every_report_and_offers_queries(plain_orthanc: Orthanc) -> None:
    profile = probe(address(plain_orthanc.peer), calling_ae="AINODE", timeouts=TIMEOUTS)
    assert profile.implementation_version_name.startswith("OFFIS_DCMTK")
    assert profile.report_form == COMPREHENSIVE_3D
    assert str(JPEGLSLossless) in profile.storage[OVERLAY]
    assert {
        PeerService.VERIFICATION,
        PeerService.COMMITMENT,
        PeerService.STUDY_ROOT_FIND,
        PeerService.STUDY_ROOT_MOVE,
        PeerService.STUDY_ROOT_GET,
    } <= profile.services
    assert profile.echo_seconds is not None


def test_a_strict_archive_is_known_for_what_it_takes(tmp_path: Path) -> None:
    taken = dcmtk.only_classes(tmp_path, [OVERLAY, ENHANCED.sop_class_uid])
    with dcmtk.storescp(tmp_path / "pacs", options=taken) as pacs:
        profile = probe(address(pacs.peer), calling_ae="AINODE", timeouts=TIMEOUTS)
    assert profile.report_form == ENHANCED
    assert profile.takes(EvidenceKind.SEG) is None
    assert len(profile.storage[OVERLAY]) == 2
    assert profile.services == frozenset()
    assert profile.echo_seconds is None


def test_a_silent_peer_is_looked_at_no_longer_than_somebody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "_LOOK_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        entity = ApplicationEntity(
            title="SILENT",
            host="127.0.0.1",
            port=silent.getsockname()[1],
            roles=frozenset({Role.PACS}),
        )
        begun = time.monotonic()
        with pytest.raises(AssociationAbortedError, match="did not answer in time"):
            peers.profile_of(NodeSettings(), entity)
    assert time.monotonic() - begun < 20


def test_an_entry_is_changed_only_when_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def dicom_node(*arguments: str) -> str:
        result = CliRunner().invoke(
            application, ["--config", str(CONFIG), *arguments], catch_exceptions=False
        )
        return result.output

    taken = dcmtk.only_classes(tmp_path, [ENHANCED.sop_class_uid])
    with dcmtk.storescp(tmp_path / "pacs", options=taken) as pacs:
        dicom_node(
            "ae", "add", "STORESCP", "--host", "127.0.0.1", "--port", str(pacs.peer.port),
            "--role", "pacs",
        )  # fmt: skip
        told = dicom_node("ae", "probe", "STORESCP")
        before = dicom_node("ae", "list")
        dicom_node("ae", "probe", "STORESCP", "--apply")
        after = dicom_node("ae", "list")
    assert "sc is left out: STORESCP takes none of its SOP classes" in told
    assert "Enhanced SR Storage" in told
    assert "dicom-node ae set STORESCP --evidence sr (--apply does it)" in told
    assert "sr,sc" in before
    assert "sr,sc" not in after


def test_a_peer_that_is_not_there_or_lets_nobody_in_is_said_to_be_so() -> None:
    nowhere = Destination(ae_title="NOBODY", host="127.0.0.1", port=free_port())
    with pytest.raises(ConnectionFailedError):
        probe(nowhere, calling_ae="AINODE", timeouts=TIMEOUTS)
    with answering_scp(calling=["SOMEBODY"]) as scp, pytest.raises(AssociationRejectedError):
        probe(address(scp.peer), calling_ae="AINODE", timeouts=TIMEOUTS)
