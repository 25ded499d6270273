"""Results leave by STOW-RS as they leave by C-STORE: a real Orthanc, and servers that misbehave."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydicom.uid import Comprehensive3DSRStorage
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.configuration.peer_credentials import Credential, Credentials
from dicom_node.dicomweb.peer import WebTimeouts
from dicom_node.dicomweb.sender import StowSender
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.delivery import Delivery, DeliveryState
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.job import Job, JobState
from dicom_node.errors import InvalidFieldsError
from dicom_node.instruments import Instruments
from dicom_node.network.status import is_final
from dicom_node.node.clock import utc_now
from dicom_node.node.couriers import courier_parts
from dicom_node.node.peers import web_peer_of
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.delivery.courier import Courier, CourierParts
from dicom_node.workflow.delivery.ports import DestinationAwayError, Outcome, Sent
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from sr_templates.evidence_kind import EvidenceKind
from tests.peers.objects import make_dataset
from tests.peers.office import CONFIG
from tests.peers.orthanc import PASSWORD, USER, Orthanc, orthanc
from tests.peers.reading_room import settings_in
from tests.schema import give_schemas
from tests.unit.builders import an_instance

pytestmark = pytest.mark.peer
_TITLE = "WEBPACS"


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("pacs")) as running:
        yield running


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    repositories = Repositories(settings_in(tmp_path))
    give_schemas(repositories)
    repositories.evidence.open()
    yield repositories
    repositories.close()


def entity(url: str) -> ApplicationEntity:
    return ApplicationEntity(title=_TITLE, url=url, roles=frozenset({Role.PACS}))


def kept(stores: Repositories, number: int = 1) -> str:
    """The path of a result in the archive of evidence."""
    return stores.objects.keep(make_dataset(number, SOPClassUID=Comprehensive3DSRStorage))


def parts_of(stores: Repositories) -> CourierParts:
    """What the node's couriers work with."""
    measured = Instruments(CollectorRegistry(), version="test")
    return courier_parts(stores.settings, stores, measured)


def planned(stores: Repositories, url: str) -> tuple[Courier, Delivery, Path]:
    """A courier to a server, a delivery that waits for it, and its object."""
    stores.ae_titles.put(entity(url), actor="test", at=utc_now())
    study = make_dataset().StudyInstanceUID
    stores.index.record([an_instance("1.2.3", study_instance_uid=study)])
    job = Job(
        job_id="1" * 32,
        study_instance_uid=study,
        revision=1,
        route="chest-radiograph",
        model=FAKE_MODEL,
        sop_instance_uids=("1.2.3",),
        destinations=(_TITLE,),
    )
    stores.hotbase.add_job(job, at=utc_now())
    stores.hotbase.finish_job(job.job_id, JobState.DONE, at=utc_now(), reason="")
    made = make_dataset(SOPClassUID=Comprehensive3DSRStorage)
    path = stores.objects.keep(made)
    evidence = EvidenceObject(
        sop_instance_uid=made.SOPInstanceUID,
        sop_class_uid=made.SOPClassUID,
        series_instance_uid=made.SeriesInstanceUID,
        kind=EvidenceKind.KO,
        job_id=job.job_id,
        path=path,
    )
    stores.hotbase.keep_evidence([evidence])
    delivery = stores.deliveries.plan(job.job_id, _TITLE, at=utc_now())
    return (
        Courier(_TITLE, parts_of(stores)),
        delivery,
        Path(path),
    )


def sent(stores: Repositories, url: str, *paths: str, seconds: float = 5.0) -> tuple[Sent, ...]:
    """What becomes of objects at a server."""
    sender = StowSender(
        timeouts=WebTimeouts(connection=seconds, response=seconds, whole=seconds),
        path_of=stores.objects.evidence_path,
        address=lambda to: web_peer_of(stores.settings, to),
        is_final=is_final,
    )
    with sender.connect(entity(url), paths) as line:
        return line.send(paths)


def test_a_delivery_reaches_orthanc_by_stow_with_the_kept_credential(
    stores: Repositories, pacs: Orthanc
) -> None:
    Credentials(stores.settings.data_dir).put(_TITLE, Credential(user=USER, secret=PASSWORD))
    courier, delivery, _ = planned(stores, f"{pacs.url}/dicom-web")
    stores.ae_titles.put(
        ApplicationEntity(
            title=_TITLE,
            url=f"{pacs.url}/dicom-web/",
            roles=frozenset({Role.PACS}),
            evidence=(EvidenceKind.KO,),
        ),
        actor="test",
        at=utc_now(),
    )
    courier.round()
    found = stores.deliveries.of_job(delivery.job_id)
    assert [(each.state, each.last_error) for each in found] == [(DeliveryState.DELIVERED, "")]
    assert make_dataset().SOPInstanceUID in pacs.instances()


def test_a_refused_credential_keeps_deliveries_waiting_with_the_reason(
    stores: Repositories, pacs: Orthanc
) -> None:
    (refused,) = sent(stores, f"{pacs.url}/dicom-web", kept(stores))
    assert refused.outcome is Outcome.REFUSED
    assert refused.words == "WEBPACS answered HTTP 401: the credential is missing or wrong"
    Credentials(stores.settings.data_dir).put(_TITLE, Credential(user=USER, secret=USER))
    sender = parts_of(stores).sender
    with pytest.raises(DestinationAwayError, match="401"):
        sender.verify(entity(f"{pacs.url}/dicom-web"))


def test_orthanc_is_probed(stores: Repositories, pacs: Orthanc, tmp_path: Path) -> None:
    environment = {"DICOM_NODE_DATA_DIR": str(tmp_path)}

    def run(*words: str, said: str = "") -> str:
        done = CliRunner().invoke(
            application, ["--config", str(CONFIG), "ae", *words], input=said, env=environment
        )
        assert done.exit_code == 0, done.output
        return done.output

    run("add", _TITLE, "--url", f"{pacs.url}/dicom-web", "--role", "pacs")
    shown = run("credential", _TITLE, "--user", USER, said=f"{PASSWORD}\n")
    assert PASSWORD not in shown
    assert "no https" in shown
    (path,) = (tmp_path / "credentials").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    probed = run("probe", _TITLE)
    assert "search (QIDO-RS)" in probed
    assert "store (STOW-RS)   yes" in probed
    assert "answered in" in run("echo", _TITLE)
    assert run("credential", _TITLE, "--forget") == "Forgotten.\n"


@contextmanager
def server(answer: Callable[[socketserver.StreamRequestHandler], None]) -> Iterator[str]:
    """A server that answers any request in its own way, having read all of it."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            length = 0
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            self.rfile.read(length)
            answer(self)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as made:
        made.daemon_threads = True
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{made.server_address[1]}"
        finally:
            made.shutdown()
            thread.join()


def says(status: str, body: bytes = b"", **headers: str) -> Callable[..., None]:
    """Answer with a status and a body."""

    def answer(request: socketserver.StreamRequestHandler) -> None:
        more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        more += f"Content-Length: {len(body)}\r\nConnection: close\r\n"
        head = f"HTTP/1.1 {status}\r\n{more}\r\n"
        request.wfile.write(head.encode() + body)

    return answer


def endless(request: socketserver.StreamRequestHandler) -> None:
    """Answer without an end."""
    request.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    try:
        while True:
            request.wfile.write(bytes(2**20))
    except OSError:
        return


def failing(reason: int) -> bytes:
    """A response data set in which the object failed."""
    item = {
        "00081150": {"vr": "UI", "Value": [str(Comprehensive3DSRStorage)]},
        "00081155": {"vr": "UI", "Value": [make_dataset().SOPInstanceUID]},
        "00081197": {"vr": "US", "Value": [reason]},
    }
    return json.dumps({"00081198": {"vr": "SQ", "Value": [item]}}).encode()


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (says("200 OK", b"<html>Please sign in</html>"), Outcome.REFUSED, "no DICOM JSON"),
        (says("200 OK", b"[]"), Outcome.REFUSED, "does not say what it stored"),
        (says("200 OK", b"[" * 100_000), Outcome.REFUSED, "no DICOM JSON"),
        (says("200 OK", b'{"00081199": 7}'), Outcome.REFUSED, "was not mentioned"),
        (says("302 Found", Location="http://127.0.0.1:1/"), Outcome.REFUSED, "leads elsewhere"),
        (says("404 Not Found"), Outcome.REFUSED, "the address is wrong"),
        (says("503 Busy"), Outcome.REFUSED, "HTTP 503"),
        (says("409 Conflict", failing(0xA700)), Outcome.REFUSED, "reason 0xA700"),
        (says("409 Conflict", failing(0xA900)), Outcome.NEVER, "reason 0xA900"),
        (says("409 Conflict", failing(0x0122)), Outcome.NEVER, "reason 0x0122"),
        (says("409 Conflict", failing(0x0111)), Outcome.STORED, ""),
        (endless, Outcome.REFUSED, "does not come to an end"),
        (lambda request: request.wfile.write(b"220 smtp ready\r\n"), Outcome.LOST, ""),
        (lambda _request: None, Outcome.LOST, ""),
    ],
)
def test_whatever_a_server_answers_is_understood_as_no_more_than_it_says(
    stores: Repositories, answer: Callable[..., None], outcome: Outcome, words: str
) -> None:
    with server(answer) as url:
        (one,) = sent(stores, url, kept(stores))
    assert one.outcome is outcome, one
    assert words in one.words


def test_what_a_server_did_not_store_as_it_was_sent_is_said(stores: Repositories) -> None:
    path = kept(stores)
    item = {
        "00081155": {"vr": "UI", "Value": [make_dataset().SOPInstanceUID]},
        "00081196": {"vr": "US", "Value": [0xB000]},
    }
    body = json.dumps({"00081199": {"vr": "SQ", "Value": [item]}}).encode()
    with server(says("202 Accepted", body)) as url:
        (one,) = sent(stores, url, path)
    assert one.outcome is Outcome.STORED
    assert "stored with a warning, 0xB000" in one.remark


def test_what_is_too_large_together_is_sent_one_by_one(stores: Repositories) -> None:
    with server(says("413 Too Large")) as url:
        many = sent(stores, url, kept(stores, 1), kept(stores, 2))
    assert [each.outcome for each in many] == [Outcome.REFUSED] * 2
    assert all("too large" in each.words for each in many)


def test_a_server_that_is_silent_or_gone_is_not_waited_for(stores: Repositories) -> None:
    with server(lambda request: threading.Event().wait(2)) as url:
        (one,) = sent(stores, url, kept(stores), seconds=0.3)
    assert one.outcome is Outcome.LOST
    (gone,) = sent(stores, url, kept(stores))
    assert gone.outcome is Outcome.LOST


@pytest.mark.parametrize(
    "url",
    [
        "ftp://pacs/dicom-web",
        "pacs/dicom-web",
        "http://",
        "http://user:secret@pacs/dicom-web",
        "http://pacs/dicom-web?x=1",
        "http://pacs:99999/",
        "http://[::1/",
        "http://pacs/ dicom",
        "http://" + "p" * 300,
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        entity(url)
    assert list(refused.value.fields) == ["url"]
