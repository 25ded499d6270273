"""The node vouches for what it has, and for nothing else, over whichever association there is."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.dimse_primitives import N_ACTION

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Role
from dicom_node.domain.commitment import CommitmentRequest, FailureReason, OpenRequest, Reference
from dicom_node.network.access import Refusal, StaticAccess
from dicom_node.network.commitment_data import MOST_REFERENCES
from dicom_node.network.commitment_scp import ACTION_STATUS, EVENT_STATUS
from dicom_node.network.events import InstanceReceived
from dicom_node.node.clock import utc_now
from dicom_node.node.committing import commitment_source, commitment_telling
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.commitment_requests import RequestState
from tests.peers import commitment_scu, dcmtk, node, orthanc
from tests.peers.commitment_scu import PUSH_MODEL, Results, ask, asking, reference, request
from tests.peers.objects import CR_IMAGE, announcement, encoded, make_dataset, write_part10
from tests.peers.process import free_port, wait_until
from tests.peers.raw_scu import rejection
from tests.unit.builders import EPOCH, an_entity

CONFIG = Path(__file__).parents[3] / "config"
CR1, READER = "CR1", "READER"
HERE = [f"1.2.826.0.1.3680043.2.1.{number}" for number in (1, 2, 3)]
NOWHERE = "1.2.3.4.5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A node's receivers that have three images, and its databases."""

    reception: node.Reception
    repositories: Repositories
    settings: NodeSettings

    @property
    def peer(self) -> dcmtk.Peer:
        return self.reception.peer

    def index(self, expected: int) -> None:
        """Index what came, as the main process does."""
        received = self.reception.recorder.wait_for(InstanceReceived, expected)
        self.repositories.index.record([each.instance for each in received])

    def file(self, uid: str) -> Path:
        found = self.repositories.index.instance(uid)
        assert found is not None
        return self.repositories.received.path(found.path)

    def administer(self, title: str, port: int) -> None:
        entity = an_entity(title, host="127.0.0.1", port=port)
        self.repositories.ae_titles.put(entity, actor="t", at=EPOCH)

    def sweep(self) -> None:
        commitment_telling(self.settings, self.repositories).sweep()

    def counts(self) -> dict[RequestState, int]:
        return self.repositories.commitment_requests.counts()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    base = load_settings(CONFIG)
    folder = tmp_path_factory.mktemp("committing")
    settings: NodeSettings = base.model_copy(update={"data_dir": folder / "data"})
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    permitted = {
        CR1: OPERATIONS_OF_ROLE[Role.MODALITY],
        "ORTHANC": OPERATIONS_OF_ROLE[Role.PACS],
        READER: OPERATIONS_OF_ROLE[Role.QUERY],
    }
    running = node.reception(
        settings.archive_dir,
        access=functools.partial(StaticAccess, permitted),
        commitments=functools.partial(commitment_source, settings.model_dump()),
    )
    with running as reception:
        for number in (1, 2, 3):
            dataset = make_dataset(number)
            stored = reception.archive.store(encoded(dataset), announcement(dataset))
            repositories.index.record([stored.instance])
        yield Archive(reception=reception, repositories=repositories, settings=settings)
    repositories.close()


def references(*uids: str) -> list[Dataset]:
    return [reference(CR_IMAGE, uid) for uid in uids]


def test_what_is_there_is_committed_to_over_the_association_that_asked(archive: Archive) -> None:
    results, wanted = Results(), request(*references(*HERE))
    with asking(archive.peer, CR1, results) as association:
        assert ask(association, wanted) == (0x0000, "")
        told = results.wait_for(wanted.TransactionUID)
        _wait_until_nothing_is_open(archive)
    assert (told.event_type, told.same) == (1, True)
    assert told.committed == set(HERE)
    assert told.failed == {}


def test_a_peer_that_has_released_is_called_at_the_address_of_its_entry(archive: Archive) -> None:
    results, wanted = Results(), request(*references(HERE[0]))
    with asking(archive.peer, CR1) as association:
        assert ask(association, wanted) == (0x0000, "")
    archive.administer(CR1, free_port())
    _wait_until_released(archive)
    archive.sweep()  # nobody is there yet
    assert archive.counts()[RequestState.OPEN] == 1
    _make_due(archive)
    with commitment_scu.listening(results, CR1) as port:
        archive.administer(CR1, port)
        archive.sweep()
        told = results.wait_for(wanted.TransactionUID)
    assert (told.event_type, told.committed, told.same) == (1, {HERE[0]}, False)
    assert RequestState.OPEN not in archive.counts()


def test_a_request_outlives_whatever_took_it(archive: Archive) -> None:
    """A receiver that dies leaves its requests; the node takes them up when it starts."""
    uid, results = generate_uid(), Results()
    wanted = Reference(sop_class_uid=CR_IMAGE, sop_instance_uid=HERE[1])
    book = archive.repositories.commitment_requests
    book.record(
        CommitmentRequest(transaction_uid=uid, references=(wanted,)),
        requestor=CR1,
        at=utc_now(),
    )
    archive.sweep()
    assert archive.counts()[RequestState.OPEN] == 1, "it is left to the receiver for a while"
    book.release_all()
    with commitment_scu.listening(results, CR1) as port:
        archive.administer(CR1, port)
        archive.sweep()
    assert results.told[uid].committed == {HERE[1]}


def test_there_is_no_commitment_to_what_is_damaged_missing_or_something_else(
    archive: Archive,
) -> None:
    damaged = archive.file(HERE[2])
    content = damaged.read_bytes()
    results = Results()
    other_class = reference("1.2.840.10008.5.1.4.1.1.2", HERE[1])
    wanted = request(*references(HERE[0], HERE[2], NOWHERE), other_class)
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with asking(archive.peer, CR1, results) as association:
            assert ask(association, wanted) == (0x0000, "")
            told = results.wait_for(wanted.TransactionUID)
            _wait_until_nothing_is_open(archive)
    finally:
        damaged.write_bytes(content)
    assert told.event_type == 2
    assert told.committed == {HERE[0]}
    assert told.failed == {
        HERE[2]: FailureReason.PROCESSING_FAILURE,
        NOWHERE: FailureReason.NO_SUCH_INSTANCE,
        HERE[1]: FailureReason.CLASS_INSTANCE_CONFLICT,
    }


def test_a_file_that_is_gone_is_not_committed_to_although_its_row_is_there(
    archive: Archive,
) -> None:
    file, results, wanted = archive.file(HERE[2]), Results(), request(*references(HERE[2]))
    away = file.rename(file.with_suffix(".away"))
    try:
        with asking(archive.peer, CR1, results) as association:
            ask(association, wanted)
            told = results.wait_for(wanted.TransactionUID)
            _wait_until_nothing_is_open(archive)
    finally:
        away.rename(file)
    assert told.failed == {HERE[2]: FailureReason.PROCESSING_FAILURE}


def test_what_was_stored_a_moment_ago_may_come_late_into_the_index(
    archive: Archive, tmp_path: Path
) -> None:
    dataset = make_dataset(77)
    path = write_part10(tmp_path / "77.dcm", dataset)
    before = len(archive.reception.recorder.of(InstanceReceived))
    assert dcmtk.dcmsend(archive.peer, [path], calling=CR1).returncode == 0
    results, wanted = Results(), request(*references(dataset.SOPInstanceUID))
    with asking(archive.peer, CR1, results) as association:
        assert ask(association, wanted) == (0x0000, "")
        archive.index(before + 1)
        assert results.wait_for(wanted.TransactionUID).failed == {}
        _wait_until_nothing_is_open(archive)


def _bare(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("information", "options", "status", "words"),
    [
        (None, {}, 0x0115, "no instances"),
        (request(), {}, 0x0115, "no instances"),
        (_bare(TransactionUID="1.2"), {}, 0x0115, "no instances"),
        (_bare(ReferencedSOPSequence=references("1.2")), {}, 0x0115, "Transaction UID"),
        (request(Dataset()), {}, 0x0115, "an item lacks"),
        (request(*references("1.2")), {"action": 2}, 0x0123, "only action"),
        (request(*references("1.2")), {"uid": "1.2.3"}, 0x0112, "well-known"),
        (request(*references("1.2") * (MOST_REFERENCES + 1)), {}, 0x0213,
         f"more than {MOST_REFERENCES}"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_served_are_told_why(
    archive: Archive, information: Dataset | None, options: dict[str, Any], status: int, words: str
) -> None:
    with asking(archive.peer, CR1) as association:
        answer = ask(association, information, **options)
        assert answer[0] == status
        assert words in answer[1]
        assert status in ACTION_STATUS
        assert association.is_established
    assert RequestState.OPEN not in archive.counts()


@pytest.mark.parametrize("information", [b"\xff" * 64, b"\x08" * 9 * 1024 * 1024])
def test_bytes_that_are_no_request_are_refused_and_the_association_stands(
    archive: Archive, information: bytes
) -> None:
    message: Any = N_ACTION()
    message.MessageID = 1
    message.RequestedSOPClassUID = PUSH_MODEL
    message.RequestedSOPInstanceUID = commitment_scu.INSTANCE
    message.ActionTypeID = 1
    message.ActionInformation = BytesIO(information)
    with asking(archive.peer, CR1) as association:
        association._reactor_checkpoint.clear()  # so that nobody else takes the answer
        wait_until(lambda: association._is_paused, "pynetdicom to pause")
        association.dimse.send_msg(message, association.accepted_contexts[0].context_id or 0)
        _, answer = association.dimse.get_msg(block=True)
        association._reactor_checkpoint.set()
        assert answer is not None
        assert answer.Status in (0x0110, 0x0115, 0x0213)
        assert ask(association, request())[0] == 0x0115


def test_a_transaction_uid_names_one_request_for_all_time(archive: Archive) -> None:
    results, wanted = Results(), request(*references(HERE[0]))
    with asking(archive.peer, CR1, results) as association:
        assert ask(association, wanted)[0] == 0x0000
        assert ask(association, wanted) == (0x0131, "the Transaction UID was used before")
        results.wait_for(wanted.TransactionUID)
        assert ask(association, wanted)[0] == 0x0131
        _wait_until_nothing_is_open(archive)


def test_whoever_may_not_store_may_not_ask(archive: Archive) -> None:
    assert rejection(archive.peer, READER, [(PUSH_MODEL, "1.2.840.10008.1.2")]) == (
        Refusal.OPERATION_NOT_PERMITTED.value
    )


def test_a_result_of_a_transaction_that_the_node_has_not_begun_is_refused(
    archive: Archive,
) -> None:
    ae = AE(ae_title=CR1)
    ae.add_requested_context(PUSH_MODEL)
    association = ae.associate(
        archive.peer.host,
        archive.peer.port,
        ae_title=archive.peer.ae_title,
        ext_neg=[commitment_scu.scp_role()],
    )
    information = request(*references(HERE[0]))
    for event_type, expected in ((1, 0x0115), (3, 0x0113)):
        status, _ = association.send_n_event_report(
            information, event_type, PUSH_MODEL, commitment_scu.INSTANCE
        )
        assert status.Status == expected
        assert expected in EVENT_STATUS
    association.release()


def test_a_peer_that_does_not_take_the_result_is_given_up_in_the_end(archive: Archive) -> None:
    results, wanted = Results(status=0x0110), request(*references(HERE[0]))
    with asking(archive.peer, CR1) as association:
        ask(association, wanted)
    _wait_until_released(archive)
    quick = archive.settings.workflow.model_copy(update={"give_up_after": 12.0})
    settings = archive.settings.model_copy(update={"workflow": quick})
    before = archive.counts().get(RequestState.GIVEN_UP, 0)
    with commitment_scu.listening(results, CR1) as port:
        archive.administer(CR1, port)
        for _ in range(3):
            commitment_telling(settings, archive.repositories).sweep()
            _make_due(archive)
    assert archive.counts()[RequestState.GIVEN_UP] == before + 1
    assert RequestState.OPEN not in archive.counts()


@pytest.mark.peer
def test_orthanc_asks_and_hears_what_it_may_delete(archive: Archive, tmp_path: Path) -> None:
    with orthanc.orthanc(tmp_path / "orthanc", node=archive.peer) as pacs:
        archive.administer("ORTHANC", pacs.peer.port)
        asked = pacs.post(
            "/modalities/ainode/storage-commitment",
            {"DicomInstances": [[CR_IMAGE, uid] for uid in (HERE[0], NOWHERE)]},
        )
        _wait_until_released(archive)
        archive.sweep()
        report = pacs.get(f"/storage-commitment/{asked['ID']}")
    assert report["Status"] == "Failure"
    assert [each["SOPInstanceUID"] for each in report["Success"]] == [HERE[0]]
    (failure,) = report["Failures"]
    assert failure["SOPInstanceUID"] == NOWHERE
    assert failure["FailureReason"] == FailureReason.NO_SUCH_INSTANCE


def _wait_until_nothing_is_open(archive: Archive) -> None:
    """Wait until the node has the answer to its result: pynetdicom cannot release meanwhile."""
    wait_until(lambda: RequestState.OPEN not in archive.counts(), "the result to be told")


def _wait_until_released(archive: Archive) -> None:
    book = archive.repositories.commitment_requests
    wait_until(lambda: bool(book.due(utc_now())), "the receiver to leave the request")


def _make_due(archive: Archive) -> None:
    archive.repositories.commitment_requests.untold(
        [each.request.transaction_uid for each in _open(archive)], "", not_before=EPOCH
    )


def _open(archive: Archive) -> tuple[OpenRequest, ...]:
    book = archive.repositories.commitment_requests
    return book.due(utc_now() + timedelta(minutes=50))
