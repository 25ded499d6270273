"""A real PACS commits to what the node sent, or lacks something, or is asked what it has."""

import base64
import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.dicomweb.peer import WebPeer, WebTimeouts
from dicom_node.dicomweb.prover import QidoProver
from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Proof, Role
from dicom_node.domain.commitment import CommitmentRequest, CommitmentResult, Reference
from dicom_node.domain.delivery import Delivery, DeliveryState
from dicom_node.errors import InvalidFieldsError
from dicom_node.network.access import StaticAccess
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.prover import PeerProver, new_uid
from dicom_node.network.sender import StorageSender
from dicom_node.node.committing import commitment_source
from dicom_node.persistence.corridor.commitments import CommitmentStore
from dicom_node.workflow.delivery.courier import Courier
from dicom_node.workflow.delivery.ports import DestinationAwayError, Prover
from dicom_node.workflow.testing.fakes import FakeProver, InlineSteps
from tests.peers import node, orthanc
from tests.peers.commitment_scp import committing_scp
from tests.peers.objects import make_dataset, write_part10
from tests.peers.process import wait_until
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.fitted import proving
from tests.unit.workflow.test_pipeline import CHEST, Works

CONFIG = Path(__file__).parents[3] / "config"
PACS = "ORTHANC"
QUICK = ScuTimeouts(connection=5, acse=5, dimse=2, network=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node whose results go to an Orthanc that commits to them."""

    works: Works
    pacs: orthanc.Orthanc
    settings: NodeSettings

    def analyse(self, proof: Proof) -> Delivery:
        """Analyse a study, and return the delivery of its results."""
        pacs = an_entity(
            PACS, roles=frozenset({Role.PACS}), host="127.0.0.1", port=self.pacs.peer.port,
            destinations=(), proof=proof,
        )  # fmt: skip
        self.works.ae_titles.put(pacs, actor="t", at=EPOCH)
        route = replace(CHEST, destinations=(PACS,))
        self.works.corridor.routing._routes = lambda: (route,)
        self.works.receive("1.2.3.1")
        self.works.clock.advance(1)
        study = "1.2.826.0.1.1"
        self.works.corridor.analyse(study, InlineSteps(workflow_id=study))
        (job,) = self.works.hotbase.jobs(study)
        (delivery,) = self.works.deliveries.of_job(job["job_id"])
        return delivery

    def courier(self, prover: Prover | None = None) -> Courier:
        address = Destination(ae_title=PACS, host="127.0.0.1", port=self.pacs.peer.port)
        real = PeerProver(
            ae_title="AINODE",
            timeouts=ScuTimeouts(),
            address=lambda _: address,
            answers=CommitmentStore(self.works.engine),
        )
        parts = proving(self.works.engine, self.works.clock, prover or real)
        return self.works.courier(
            PACS,
            sender=StorageSender(
                ae_title="AINODE",
                timeouts=ScuTimeouts(),
                path_of=self.works.objects.evidence_path,
                address=lambda _: address,
            ),
            proving=replace(parts, make_uid=new_uid),
            monotonic=time.monotonic,
        )

    def now(self, delivery: Delivery) -> Delivery:
        return self.works.deliveries.get(delivery.delivery_id)


@pytest.fixture
def site(engine: sa.Engine, tmp_path: Path) -> Iterator[Site]:
    base = load_settings(CONFIG)
    url = engine.url.render_as_string(hide_password=False)
    database = base.database.model_copy(update={"url": url})
    settings = base.model_copy(update={"data_dir": tmp_path / "data", "database": database})
    running = node.reception(
        settings.archive_dir,
        access=functools.partial(StaticAccess, {PACS: OPERATIONS_OF_ROLE[Role.PACS]}),
        commitments=functools.partial(commitment_source, settings.model_dump()),
    )
    with running as reception, orthanc.orthanc(tmp_path / "pacs", node=reception.peer) as pacs:
        yield Site(works=Works(engine, tmp_path / "works"), pacs=pacs, settings=settings)


@pytest.mark.peer
def test_orthanc_commits_to_results_and_gets_again_what_it_has_lost(site: Site) -> None:
    delivery = site.analyse(Proof.COMMITMENT)
    site.courier(FakeProver(away="is not asked yet")).round()
    assert site.now(delivery).state is DeliveryState.SENT
    sent = set(site.pacs.instances())
    assert len(sent) == 2
    lost, *_ = site.pacs.get("/instances")
    site.pacs.request("DELETE", f"/instances/{lost}")

    courier = site.courier()
    _rounds_until(courier, lambda: site.now(delivery).standing == "not committed")
    assert "no such object instance (0x0112)" in site.now(delivery).last_error
    site.works.clock.advance(60)
    _rounds_until(courier, lambda: site.now(delivery).standing == "committed")

    assert set(site.pacs.instances()) == sent
    assert site.now(delivery).state is DeliveryState.DELIVERED


@pytest.mark.peer
def test_orthanc_is_asked_what_it_has(site: Site) -> None:
    delivery = site.analyse(Proof.FIND)
    site.courier().round()
    assert site.now(delivery).standing == "found"


@pytest.mark.peer
def test_a_dicomweb_server_is_asked_what_it_has(
    plain_orthanc: orthanc.Orthanc, tmp_path: Path
) -> None:
    dataset = make_dataset(1, StudyInstanceUID="1.2.77", SeriesInstanceUID="1.2.77.1")
    plain_orthanc.upload(write_part10(tmp_path / "1.dcm", dataset))
    credentials = base64.b64encode(f"{orthanc.USER}:{orthanc.PASSWORD}".encode()).decode()
    peer = WebPeer(
        title="WEB", url=f"{plain_orthanc.url}/dicom-web", authorization=f"Basic {credentials}"
    )
    prover = QidoProver(timeouts=WebTimeouts(), address=lambda _: peer)
    web = an_entity("WEB", url=peer.url, proof=Proof.FIND)
    assert prover.found(web, "1.2.77", ["1.2.77.1"]) == {dataset.SOPInstanceUID}
    assert prover.found(web, "1.2.77", ["1.2.77.2"]) == frozenset()
    with pytest.raises(DestinationAwayError, match="HTTP 401"):
        QidoProver(timeouts=WebTimeouts(), address=lambda _: replace(peer, authorization="")).found(
            web, "1.2.77", ["1.2.77.1"]
        )
    with pytest.raises(InvalidFieldsError, match="does not commit"):
        replace(web, proof=Proof.COMMITMENT)


def _rounds_until(courier: Courier, is_done: object) -> None:
    def done() -> bool:
        courier.round()
        return bool(is_done())  # type: ignore[operator]

    wait_until(done, "the destination to answer")


class _Answers(list[CommitmentResult]):
    def answer(self, result: CommitmentResult, *, at: object) -> str:
        del at
        self.append(result)
        return "COMMITS"


@contextmanager
def asked_scp(answers: _Answers) -> Iterator[tuple[object, PeerProver]]:
    with committing_scp() as scp:
        address = Destination(ae_title="COMMITS", host="127.0.0.1", port=scp.peer.port)
        yield (
            scp,
            PeerProver(
                ae_title="AINODE",
                timeouts=QUICK,
                address=lambda _: address,
                answers=answers,
                linger=30.0,
            ),
        )


def _request() -> CommitmentRequest:
    wanted = Reference(sop_class_uid="1.2.840.10008.5.1.4.1.1.7", sop_instance_uid="1.2.3")
    return CommitmentRequest(transaction_uid=new_uid(), references=(wanted,))


def test_a_result_over_the_association_that_asked_is_taken() -> None:
    answers, requests = _Answers(), [_request(), _request()]
    with asked_scp(answers) as (_, prover):
        prover.ask(an_entity("COMMITS"), requests, lambda _: None)
    assert [each.transaction_uid for each in answers] == [each.transaction_uid for each in requests]
    assert all(each.committed == _request().references and not each.failed for each in answers)


@pytest.mark.parametrize(
    ("status", "is_silent", "words"),
    [(0x0213, False, "COMMITS answered 0x0213"), (0, True, "COMMITS did not answer")],
)
def test_a_destination_that_refuses_or_is_silent_is_said_to_be(
    status: int, is_silent: bool, words: str
) -> None:
    asked: list[CommitmentRequest] = []
    with asked_scp(_Answers()) as (scp, prover):
        scp.status, scp.is_silent = status, is_silent  # type: ignore[attr-defined]
        with pytest.raises(DestinationAwayError, match=words):
            prover.ask(an_entity("COMMITS"), [_request(), _request()], asked.append)
    assert len(asked) == 1, "what comes after was not asked"


def test_a_destination_without_storage_commitment_is_said_to_be() -> None:
    from tests.peers.scp import answering_scp  # noqa: PLC0415

    with answering_scp() as scp:
        address = Destination(ae_title="ANSWERS", host="127.0.0.1", port=scp.peer.port)
        prover = PeerProver(
            ae_title="AINODE", timeouts=QUICK, address=lambda _: address, answers=_Answers()
        )
        with pytest.raises(DestinationAwayError, match="does not offer storage commitment"):
            prover.ask(an_entity("ANSWERS"), [_request()], lambda _: None)
