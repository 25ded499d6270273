"""DICOM over TLS with DCMTK on the other side (PS3.15 Section B.12)."""

import functools
import hashlib
import shutil
import socket
import ssl
import struct
import subprocess
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.configuration.peers import NetworkSettings, TlsSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.configuration.work import WorklistSettings
from dicom_node.domain.application_entity import ApplicationEntity, Operation, Role
from dicom_node.domain.callers import CallerRefusedError
from dicom_node.errors import ConfigurationError
from dicom_node.network.access import AssociationRequest, Refusal, StaticAccess
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.certificates import expires_at
from dicom_node.network.errors import AssociationError
from dicom_node.network.events import AssociationRefused
from dicom_node.network.ready_lines import ReadyLines
from dicom_node.network.receiver import ScpSettings
from dicom_node.network.receivers import ReceiverPool
from dicom_node.network.sender import StorageSender
from dicom_node.network.storage_scu import store
from dicom_node.network.tls import TlsFiles, client_context, server_context
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.delivery.ports import Outcome
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.peers import dcmtk, node
from tests.peers.objects import make_dataset, write_part10
from tests.peers.process import wait_until
from tests.peers.raw_scu import tcp
from tests.peers.scp import answering_scp
from tests.schema import give_schemas
from tests.unit.builders import an_entity

pytestmark = pytest.mark.peer


@dataclass(frozen=True)
class Identity:
    """Somebody's certificate and key."""

    certificate: Path
    private_key: Path


@pytest.fixture(scope="session")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    """Self-signed certificates of a node, a modality and a stranger."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    made = {}
    for name in ("node", "modality", "stranger"):
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        subprocess.run(
            [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", certificate],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        made[name] = Identity(certificate, key)
    return made


def files(identities: dict[str, Identity], name: str, trusts: str) -> TlsFiles:
    return TlsFiles(
        certificate=identities[name].certificate,
        private_key=identities[name].private_key,
        trusted=identities[trusts].certificate,
    )


@pytest.fixture
def secure_port(tmp_path: Path, identities: dict[str, Identity]) -> Iterator[int]:
    """The TLS port of a receiver that trusts the modality."""
    settings = ScpSettings(
        host="127.0.0.1",
        port=0,
        receivers=1,
        tls=files(identities, "node", trusts="modality"),
    )
    permitted = {"CR1": frozenset({Operation.ECHO, Operation.STORE})}
    archive = ArchiveSettings(root=tmp_path / "archive", min_free_bytes=0)
    StorageArchive(archive).open()
    pool = ReceiverPool(
        settings,
        store=functools.partial(StorageArchive, archive),
        access=functools.partial(StaticAccess, permitted),
        on_events=lambda _events: None,
    )
    pool.start()
    yield pool.port
    pool.stop()


def secured(identities: dict[str, Identity], name: str) -> tuple[str | Path, ...]:
    own = identities[name]
    return ("+tls", own.private_key, own.certificate, "+cf", identities["node"].certificate)


def test_dcmtk_stores_by_tls(
    secure_port: int, identities: dict[str, Identity], tmp_path: Path
) -> None:
    large = make_dataset(Rows=1024, Columns=1024, PixelData=bytes(1024 * 1024))
    paths = [write_part10(tmp_path / "large.dcm", large)]
    paths += [write_part10(tmp_path / f"{n}.dcm", make_dataset(n)) for n in range(2, 8)]
    peer = dcmtk.Peer(ae_title="AINODE", port=secure_port)
    done = dcmtk.storescu(peer, paths, calling="CR1", options=secured(identities, "modality"))
    assert done.returncode == 0, done.stderr
    stored = [path for path in (tmp_path / "archive").rglob("*.dcm") if path.is_file()]
    assert len(stored) == len(paths)


def test_who_is_not_trusted_or_speaks_plainly_gets_nowhere(
    secure_port: int, identities: dict[str, Identity]
) -> None:
    peer = dcmtk.Peer(ae_title="AINODE", port=secure_port)
    stranger = secured(identities, "stranger")
    assert dcmtk.echoscu(peer, calling="CR1", options=[str(each) for each in stranger]).returncode
    assert dcmtk.echoscu(peer, calling="CR1", options=("-ta", "5")).returncode
    known = [str(each) for each in secured(identities, "modality")]
    assert dcmtk.echoscu(peer, calling="CR1", options=known).returncode == 0
    assert dcmtk.echoscu(peer, calling="NOBODY", options=known).returncode


@dataclass(frozen=True)
class Issued:
    """An authority's certificate, and what it issued: two good ones, and an expired one."""

    authority: Path
    good: Identity
    another: Identity
    expired: Identity


@pytest.fixture(scope="session")
def issued(identities: dict[str, Identity], tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """The modality's key and the stranger, who is an authority now, make three certificates."""
    folder = tmp_path_factory.mktemp("issued")
    authority, key = identities["stranger"], identities["modality"].private_key

    def openssl(*arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)

    request = folder / "request.pem"
    openssl("req", "-new", "-key", key, "-subj", "/CN=issued", "-out", request)
    for name, days in (("good", "2"), ("another", "2"), ("expired", "-1")):
        openssl("x509", "-req", "-in", request, "-CA", authority.certificate,
                "-CAkey", authority.private_key, "-CAcreateserial", "-days", days,
                "-out", folder / f"{name}.pem")  # fmt: skip
    names = ("good", "another", "expired")
    return Issued(authority.certificate, *(Identity(folder / f"{each}.pem", key) for each in names))


def shaken(server: ssl.SSLContext, client: ssl.SSLContext) -> str:
    """Have a client call a server; return the version spoken, or empty where they do not agree."""
    ends = socket.socketpair()
    for end in ends:
        end.settimeout(30)

    def call() -> None:
        with suppress(OSError), client.wrap_socket(ends[1]) as spoken:
            spoken.send(b"x")

    with ThreadPoolExecutor(1) as calling:
        calling.submit(call)
        try:
            with server.wrap_socket(ends[0], server_side=True) as spoken:
                spoken.recv(1)
                return spoken.version() or ""
        except OSError:
            ends[0].close()
            return ""


@pytest.mark.parametrize("trusts", ["the authority", "the certificate"])
def test_an_issued_certificate_is_trusted_by_its_authority_or_by_itself(
    identities: dict[str, Identity], issued: Issued, trusts: str, tmp_path: Path
) -> None:
    own = identities["node"]
    trusted = issued.authority
    if trusts == "the certificate":
        trusted = tmp_path / "trusted.pem"
        both = (issued.good, issued.expired)
        trusted.write_text("".join(each.certificate.read_text() for each in both))
    node_files = TlsFiles(certificate=own.certificate, private_key=own.private_key, trusted=trusted)

    def peer(identity: Identity) -> TlsFiles:
        return TlsFiles(
            certificate=identity.certificate,
            private_key=identity.private_key,
            trusted=own.certificate,
        )

    server, client = server_context(node_files), client_context(node_files)
    assert shaken(server, client_context(peer(issued.good))) == "TLSv1.3"
    assert shaken(server_context(peer(issued.good)), client) == "TLSv1.3"
    is_issued_enough = trusts == "the authority"
    assert bool(shaken(server, client_context(peer(issued.another)))) is is_issued_enough
    assert bool(shaken(server_context(peer(issued.another)), client)) is is_issued_enough
    assert not shaken(server, client_context(peer(issued.expired)))
    assert not shaken(server_context(peer(issued.expired)), client)
    assert not shaken(server, client_context(peer(identities["modality"])))


def test_nothing_older_than_tls_1_2_is_spoken(identities: dict[str, Identity]) -> None:
    server = server_context(files(identities, "node", trusts="modality"))
    client = client_context(files(identities, "modality", trusts="node"))
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shaken(server, client) == "TLSv1.2"
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert not shaken(server, old)


def test_connections_that_are_reset_at_once_hold_no_place(
    identities: dict[str, Identity], tmp_path: Path
) -> None:
    tls = files(identities, "node", trusts="modality")
    with node.reception(
        tmp_path / "archive", tls=tls, max_associations=1, artim_timeout=1.0
    ) as running:
        for _ in range(60):  # as port scanners and load balancers do
            with tcp(running.peer) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        counts = running.pool._counts
        wait_until(lambda: sum(counts.connections) == 0, "the places to be free")
        assert sum(counts.associations) == 0
        known = [str(each) for each in secured(identities, "modality")]
        answer = dcmtk.echoscu(running.peer, calling=node.MODALITY, options=known)
        assert answer.returncode == 0, answer.stderr


def test_the_node_sends_by_tls_to_whom_it_trusts(
    identities: dict[str, Identity], tmp_path: Path
) -> None:
    own = identities["modality"]
    options = (
        "+tls", str(own.private_key), str(own.certificate),
        "+cf", str(identities["node"].certificate),
    )  # fmt: skip
    path = write_part10(tmp_path / "image.dcm", make_dataset())
    with dcmtk.storescp(tmp_path / "scp", options=options) as scp:

        def destination(trusts: str) -> Destination:
            context = client_context(files(identities, "node", trusts))
            peer = scp.peer
            return Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port, tls=context)

        (outcome,) = store([path], destination(trusts="modality"))
        assert outcome.stored
        assert len(scp.files()) == 1
        with pytest.raises(AssociationError):
            store([path], destination(trusts="stranger"))


def test_what_was_opened_ahead_by_tls_is_what_is_sent_over(
    identities: dict[str, Identity], tmp_path: Path
) -> None:
    path = write_part10(tmp_path / "image.dcm", make_dataset())
    secret = server_context(files(identities, "modality", trusts="node"))
    with answering_scp(tls=secret) as scp:

        def address(_: ApplicationEntity) -> Destination:
            context = client_context(files(identities, "node", trusts="modality"))
            peer = scp.peer
            return Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port, tls=context)

        sender = StorageSender(
            ae_title="AINODE",
            timeouts=ScuTimeouts(connection=60, acse=120, dimse=120, network=120),
            path_of=Path,
            address=address,
            ready_lines=ReadyLines(kept_seconds=600.0),
        )

        def is_sent() -> bool:
            with sender.connect(an_entity("PACS"), [str(path)]) as line:
                return line.send([str(path)])[0].outcome is Outcome.STORED

        assert is_sent()
        for _ in range(3):
            sender.expect(an_entity("PACS"))
        wait_until(lambda: scp.associations == 2, "the association")
        assert is_sent()
        assert scp.associations == 2


@pytest.fixture
def secure_worklist(tmp_path: Path, identities: dict[str, Identity]) -> Iterator[int]:
    """The worklist's port of a node whose settings want TLS there; one result waits."""
    own = identities["node"]
    settings = NodeSettings(
        data_dir=tmp_path / "data",
        network=NetworkSettings(host="127.0.0.1"),
        worklist=WorklistSettings(enabled=True, port=0),
        tls=TlsSettings(
            certificate=str(own.certificate),
            private_key=str(own.private_key),
            trusted=str(identities["modality"].certificate),
            worklist=True,
        ),
    )
    repositories = Repositories(settings)
    give_schemas(repositories)
    entity = ApplicationEntity(
        title="WS1", host="127.0.0.1", port=104, roles=frozenset({Role.WORKLIST})
    )
    repositories.ae_titles.put(entity, actor="test", at=utc_now())
    details = fake_details(1)
    repositories.review_queue().add(details.item, details.findings)
    workstations = Workstations(settings, repositories)
    workstations.start()
    yield workstations.port
    workstations.stop()
    repositories.close()


def test_the_worklist_speaks_tls_only_where_the_settings_say_so(
    secure_worklist: int, identities: dict[str, Identity], tmp_path: Path
) -> None:
    query = (
        "-W", "-X", "-od", tmp_path, "-aet", "WS1", "-aec", "AINODE", "-k", "StudyInstanceUID",
        "127.0.0.1", str(secure_worklist),
    )  # fmt: skip
    asked = dcmtk.run("findscu", *secured(identities, "modality"), *query)
    assert asked.returncode == 0, asked.stderr
    (match,) = tmp_path.glob("rsp*.dcm")
    assert dcmread(match, force=True).StudyInstanceUID == "1.2.3.1"
    assert dcmtk.run("findscu", *secured(identities, "stranger"), *query).returncode
    assert dcmtk.run("findscu", "-ta", "5", *query).returncode


def test_files_that_do_not_fit_are_named(identities: dict[str, Identity]) -> None:
    wrong = TlsFiles(
        certificate=identities["node"].certificate,
        private_key=identities["modality"].private_key,
        trusted=identities["modality"].certificate,
    )
    with pytest.raises(ConfigurationError, match="key must fit"):
        server_context(wrong)


def test_a_destination_by_tls_needs_a_certificate_of_the_nodes_own() -> None:
    entity = ApplicationEntity(
        title="PACS", host="127.0.0.1", port=2763, roles=frozenset({Role.PACS}), tls=True
    )
    with pytest.raises(ConfigurationError, match="has no certificate"):
        address_of(NodeSettings(), entity)
    with pytest.raises(ConfigurationError, match="three files"):
        address_of(NodeSettings(tls=TlsSettings(certificate="node.pem")), entity)


def test_the_node_itself_is_no_destination() -> None:
    entity = ApplicationEntity(
        title="AINODE", host="10.0.0.9", port=104, roles=frozenset({Role.PACS})
    )
    with pytest.raises(ConfigurationError, match="is this node itself"):
        address_of(NodeSettings(), entity)


def test_a_certificate_says_until_when_it_is_valid(identities: dict[str, Identity]) -> None:
    ends = expires_at(files(identities, "node", "modality"))
    assert timedelta(days=1) < ends - utc_now() <= timedelta(days=2)


@dataclass(frozen=True)
class ByCertificate:
    """A policy that lets one certificate in, whatever title it calls by."""

    fingerprint: str

    def __call__(self, request: AssociationRequest) -> frozenset[Operation]:
        """Look at the certificate."""
        if request.certificate != self.fingerprint:
            raise CallerRefusedError(f"{request.calling_ae} shows {request.certificate}")
        return frozenset({Operation.ECHO})


def test_a_caller_is_known_by_the_certificate_that_it_shows(
    tmp_path: Path, identities: dict[str, Identity]
) -> None:
    own = identities["modality"]
    der = ssl.PEM_cert_to_DER_cert(own.certificate.read_text())
    options = ("+tls", own.private_key, own.certificate, "+cf", identities["node"].certificate)
    for fingerprint, answered in ((hashlib.sha256(der).hexdigest(), True), ("0" * 64, False)):
        with node.reception(
            tmp_path / fingerprint[:8],
            access=functools.partial(ByCertificate, fingerprint),
            tls=files(identities, "node", trusts="modality"),
        ) as running:
            done = dcmtk.echoscu(running.peer, calling="CR1", options=[str(x) for x in options])
            assert (done.returncode == 0) is answered, done.stderr
            if not answered:
                (refused,) = running.recorder.wait_for(AssociationRefused)
                assert refused.refusal is Refusal.CALLING_AE_UNKNOWN
                assert refused.reason.startswith("CR1 shows ")
                assert "Calling AE Title Not Recognized" in done.stderr
