"""Priors of a patient come from the archive that has them, whatever else it answers."""

import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pynetdicom import AE, evt
from pynetdicom.events import Event

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.dicomweb.archive import WebArchive
from dicom_node.dicomweb.peer import WebPeer, WebTimeouts
from dicom_node.domain.prior import PriorRule, PriorState, SearchState
from dicom_node.domain.retrieval import Way
from dicom_node.domain.study import StudyState
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.events import InstanceReceived
from dicom_node.network.query_scu import STUDY_ROOT_FIND
from dicom_node.network.retrieve_scu import ArchiveScu, Arrived
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.priors import PriorStore
from dicom_node.persistence.corridor.retrievals import RetrievalStore
from dicom_node.workflow.priors.ports import PriorArchive
from dicom_node.workflow.priors.searching import RETRIES, PriorParts, PriorSearching
from dicom_node.workflow.testing.fakes import FakeClock
from tests.peers import node
from tests.peers.objects import RECEIVED_AT, announcement, encoded, make_dataset, write_part10
from tests.peers.orthanc import PASSWORD, USER, Orthanc, orthanc

pytestmark = pytest.mark.peer
ROOT = "1.2.826.0.1.3680043.9.77"
NEW, PRIOR, OLDER = f"{ROOT}.1", f"{ROOT}.2", f"{ROOT}.3"
TIMEOUTS = ScuTimeouts(connection=5.0, acse=10.0, dimse=10.0, network=10.0)
SHORT = replace(TIMEOUTS, dimse=1.0)
# For what answers, however busy the machine is.
PATIENT = ScuTimeouts(connection=60.0, acse=60.0, dimse=120.0, network=120.0)
AUTHORIZATION = f"Basic {b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"
_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"


@dataclass(slots=True)
class Desk:
    """A node's index and archive, with a chest radiograph of today."""

    index: StudyIndex
    ledger: PriorStore
    retrievals: RetrievalStore
    received: StorageArchive
    clock: FakeClock

    def search(self, to: Destination, *, rule: PriorRule, **options: object) -> PriorSearching:
        scu = ArchiveScu(
            lambda: to,
            calling_ae="AINODE",
            store=self.received,
            now=lambda: RECEIVED_AT,
            **{"timeouts": TIMEOUTS, **options},  # type: ignore[arg-type]
        )
        return self._searching(scu, to.ae_title, rule)

    def search_web(self, peer: WebPeer, *, rule: PriorRule) -> PriorSearching:
        web = WebArchive(
            lambda: peer,
            timeouts=WebTimeouts(connection=5.0, response=10.0),
            store=self.received,
            called_ae="AINODE",
            now=lambda: RECEIVED_AT,
            deadline=60.0,
        )
        return self._searching(web, peer.title, rule)

    def _searching(self, archive: PriorArchive, title: str, rule: PriorRule) -> PriorSearching:
        self.ledger.want([NEW], title, at=RECEIVED_AT)
        parts = PriorParts(
            ledger=self.ledger,
            index=self.index,
            retrievals=self.retrievals,
            archive=archive,
            title=title,
            rule=rule,
            clock=self.clock,
        )
        return PriorSearching(parts)


def a_study(number: int, uid: str, *, images: int = 1, **changes: object) -> list[Dataset]:
    """Return a chest radiograph of Jörg Müller, taken in 2025."""
    said = {
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientID": "P1",
        "PatientName": "Müller^Jörg",
        "PatientBirthDate": "19600102",
        "StudyInstanceUID": uid,
        "SeriesInstanceUID": f"{uid}.1",
        "StudyDate": "20250105",
        "StudyTime": "120000",
        **changes,
    }
    return [make_dataset(77_000 + 10 * number + each, **said) for each in range(images)]


def archived() -> Iterator[Dataset]:
    """What a PACS has of the patient, and of somebody with the same ID."""
    yield from a_study(2, PRIOR, images=2)
    yield from a_study(3, OLDER, StudyDate="20240105", BodyPartExamined=None)
    yield from a_study(4, f"{ROOT}.4", BodyPartExamined="HAND")
    yield from a_study(5, f"{ROOT}.5", Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2")
    yield from a_study(6, f"{ROOT}.6", PatientBirthDate="19910101", PatientName="Other^Name")
    yield from a_study(7, f"{ROOT}.7", StudyDate="20100101")
    yield from a_study(8, f"{ROOT}.8", StudyDate="20260901")


@pytest.fixture
def desk(engine: sa.Engine, tmp_path: Path) -> Desk:
    received = StorageArchive(ArchiveSettings(root=tmp_path / "received", durable=False))
    received.open()
    index = StudyIndex(engine)
    (today,) = a_study(1, NEW, StudyDate="20260304", Modality="DX")
    index.record([received.store(encoded(today), announcement(today, calling_ae="CR1")).instance])
    return Desk(
        index=index,
        ledger=PriorStore(engine),
        retrievals=RetrievalStore(engine),
        received=received,
        clock=FakeClock(RECEIVED_AT),
    )


def fill(pacs: Orthanc, folder: Path) -> Destination:
    for number, each in enumerate(archived()):
        pacs.upload(write_part10(folder / f"{number}.dcm", each))
    peer = pacs.peer
    return Destination(ae_title=peer.ae_title, host=peer.host, port=peer.port)


def test_priors_come_from_orthanc_by_c_get_and_are_not_analysed(
    desk: Desk, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    to = fill(plain_orthanc, tmp_path)
    searching = desk.search(to, rule=PriorRule(number=5))
    assert searching.round() == 0.0
    assert searching.round() is None
    priors = desk.ledger.of_study(NEW)
    assert [(each.prior_study_uid, each.state, each.held) for each in priors] == [
        (PRIOR, PriorState.HELD, 2),
        (OLDER, PriorState.HELD, 1),
    ]
    search = desk.ledger.search(NEW)
    assert search is not None
    assert (search.state, search.reason) == (SearchState.DONE, "3 earlier studies of its kind")
    assert desk.index.study(PRIOR).state is StudyState.PRIOR
    assert [each.study_instance_uid for each in desk.index.receiving()] == [NEW]
    (image, _) = desk.index.instances(PRIOR)
    assert desk.received.path(image.path).exists()


def test_a_prior_that_somebody_sends_later_is_received_like_any_study(
    desk: Desk, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    to = fill(plain_orthanc, tmp_path)
    desk.search(to, rule=PriorRule(number=1)).round()
    assert desk.index.study(PRIOR).state is StudyState.PRIOR
    held = desk.index.instances(PRIOR)
    # Found once more among the files, as after a crash: still a prior.
    assert desk.index.record(held) == frozenset()
    sent = [
        replace(each, calling_ae="CR1", received_at=RECEIVED_AT + timedelta(days=1))
        for each in held
    ]
    assert desk.index.record(sent) == {PRIOR}
    assert desk.index.study(PRIOR).state is StudyState.RECEIVING
    assert desk.index.study(PRIOR).sender == "CR1"


def test_priors_come_by_c_move_where_that_is_chosen(
    desk: Desk, own_reception: node.Reception, tmp_path: Path
) -> None:
    def arrived(uids: Sequence[str]) -> tuple[object, ...]:
        own_reception.recorder.wait_for(InstanceReceived, len(uids))
        return tuple(each.instance for each in own_reception.recorder.of(InstanceReceived))

    with orthanc(tmp_path / "pacs", node=own_reception.peer, ae_title=node.MODALITY) as pacs:
        to = fill(pacs, tmp_path)
        searching = desk.search(to, rule=PriorRule(number=1), way=Way.MOVE, arrived=arrived)
        assert searching.round() == 0.0
    (prior,) = desk.ledger.of_study(NEW)
    assert (prior.prior_study_uid, prior.state, prior.held) == (PRIOR, PriorState.HELD, 2)
    assert desk.index.study(PRIOR).state is StudyState.PRIOR


def test_priors_come_from_a_dicomweb_server(
    desk: Desk, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    fill(plain_orthanc, tmp_path)
    peer = WebPeer(title="WEB", url=f"{plain_orthanc.url}/dicom-web", authorization=AUTHORIZATION)
    searching = desk.search_web(peer, rule=PriorRule(number=5))
    assert searching.round() == 0.0
    assert [(each.prior_study_uid, each.state) for each in desk.ledger.of_study(NEW)] == [
        (PRIOR, PriorState.HELD),
        (OLDER, PriorState.HELD),
    ]
    assert desk.index.study(PRIOR).state is StudyState.PRIOR
    (image, _) = desk.index.instances(PRIOR)
    assert image.calling_ae == "WEB"
    assert dcmread(desk.received.path(image.path)).PatientName == "Müller^Jörg"


def test_a_dicomweb_server_that_does_not_let_us_in_is_asked_again(
    desk: Desk, plain_orthanc: Orthanc
) -> None:
    stranger = WebPeer(title="WEB", url=f"{plain_orthanc.url}/dicom-web")
    assert desk.search_web(stranger, rule=PriorRule(number=1)).round()
    search = desk.ledger.search(NEW)
    assert search is not None
    assert "the credential is missing or wrong" in search.reason


Answer = tuple[int, Dataset | None]


def endless(_event: Event) -> Iterator[Answer]:
    number = 0
    while True:
        number += 1
        answer = Dataset()
        answer.QueryRetrieveLevel = "STUDY"
        answer.StudyInstanceUID = f"{ROOT}.9.{number}"
        yield 0xFF00, answer


def refusing(_event: Event) -> Iterator[Answer]:
    yield 0xA700, None


def nonsense(_event: Event) -> Iterator[Answer]:
    answer = Dataset()
    answer.StudyInstanceUID = PRIOR
    tag = Tag("NumberOfStudyRelatedInstances")
    answer[tag] = RawDataElement(tag, "IS", 4, b"many", 0, False, True)
    yield 0xFF00, answer


def silent(_event: Event) -> Iterator[Answer]:
    threading.Event().wait(3 * SHORT.dimse)
    yield from ()


def one_study(event: Event) -> Iterator[Answer]:
    (prior, _) = a_study(2, PRIOR, images=2)
    answer = Dataset()
    for keyword in event.identifier.dir():
        if keyword in prior:
            setattr(answer, keyword, prior[keyword].value)
    answer.SpecificCharacterSet = "ISO_IR 100"
    answer.QueryRetrieveLevel = event.identifier.QueryRetrieveLevel
    if answer.QueryRetrieveLevel == "STUDY":
        answer.ModalitiesInStudy = "CR"
        answer.StudyDate = "20250105"
    yield 0xFF00, answer


def unknown_destination(_event: Event) -> Iterator[object]:
    yield None, None


@contextmanager
def archive(
    find: Callable[[Event], Iterator[Answer]],
    move: Callable[[Event], Iterator[object]] = unknown_destination,
) -> Iterator[Destination]:
    """Run an archive that answers queries in its own way."""
    ae = AE(ae_title="ODD")
    ae.add_supported_context(STUDY_ROOT_FIND)
    ae.add_supported_context(_MOVE)
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_C_FIND, find), (evt.EVT_C_MOVE, move)],
    )
    assert server is not None
    try:
        port = int(server.server_address[1])
        yield Destination(ae_title="ODD", host="127.0.0.1", port=port)
    finally:
        server.shutdown()


@pytest.mark.parametrize(
    ("find", "words"),
    [
        (endless, "more than 1000 matches"),
        (refusing, "0xA700"),
        (nonsense, "answered a query with what cannot be read"),
        (silent, "answered a query with nothing"),
        (one_study, "does not know this node as a destination of C-MOVE"),
    ],
)
def test_an_archive_that_answers_oddly_is_asked_again_and_given_up(
    desk: Desk, find: Callable[[Event], Iterator[Answer]], words: str
) -> None:
    def nothing(_uids: Sequence[str]) -> tuple[()]:
        return ()

    arrived: Arrived = nothing
    with archive(find) as odd:
        timeouts = SHORT if find is silent else PATIENT
        searching = desk.search(odd, rule=PriorRule(number=1), arrived=arrived, timeouts=timeouts)
        pause = searching.round()
        assert pause is not None
        assert pause > 0
    search = desk.ledger.search(NEW)
    assert search is not None
    assert words in search.reason
    assert (search.state, search.tries) == (SearchState.WAITING, 1)
    assert searching.round() is None  # not yet


def test_an_archive_that_is_away_fails_in_the_end(desk: Desk) -> None:
    away = Destination(ae_title="AWAY", host="127.0.0.1", port=1)
    searching = desk.search(away, rule=PriorRule(number=1))
    pauses = []
    for seconds in (*RETRIES, 0.0):
        pauses.append(searching.round())
        desk.clock.advance(seconds)
    assert pauses == [5.0, 10.0, 20.0, 40.0]
    assert searching.round() is None
    search = desk.ledger.search(NEW)
    assert search is not None
    assert search.state is SearchState.FAILED
    assert "cannot be reached" in search.reason
