"""STOW-RS: what a client stores goes the way of a C-STORE, and every part gets its answer."""

import io
import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from fastapi.testclient import TestClient
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid

from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.study import StudyState
from dicom_node.domain.user import Permission
from dicom_node.network.object_buffer import ObjectLimits
from dicom_node.node.administration import make_people
from dicom_node.node.reception import ReceptionDesk
from dicom_node.node.repositories import Repositories
from dicom_node.node.uploads import NodeUploads
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.receive import OpenAssociations, Reception
from dicom_node.workflow.testing.fakes import RecordingStarter
from tests.peers.objects import make_dataset, write_part10
from tests.peers.office import office_application, office_stores, serving
from tests.peers.process import wait_until
from tests.unit.web.test_sign_in import sign_in

pytestmark = pytest.mark.slow

_BOUNDARY = "edge-of-a-part"
_RELATED = f'multipart/related; type="application/dicom"; boundary={_BOUNDARY}'
_MOST_OBJECT_BYTES = 3 * 2**20
_WORDS = {"Accept": "application/vnd.dicom-node.upload+json"}


class Corridor:
    """The stores of a node, what takes uploads in, and whose analysis it started."""

    def __init__(self, stores: Repositories, most: int = 8) -> None:
        self.stores = stores
        self.starter = RecordingStarter()
        self.associations = OpenAssociations()
        completion = Completion(
            index=stores.index,
            results=stores.hotbase,
            ae_titles=stores.ae_titles,
            is_carried=self.associations.carries,
            patience=30.0,
            clock=lambda: datetime.now(UTC),
        )
        completion.start_with(self.starter)
        desk = ReceptionDesk(
            reception=Reception(
                index=stores.index, associations=self.associations, completion=completion
            ),
            associations=self.associations,
            stored=lambda: (),
        )
        self.uploads = NodeUploads(
            archive=stores.received,
            tell=desk.handle,
            limits=ObjectLimits(max_bytes=_MOST_OBJECT_BYTES, folder=str(stores.settings.data_dir)),
            ae_title="AINODE",
            most=most,
            clock=lambda: datetime.now(UTC),
        )
        self.application = office_application(stores, uploads=self.uploads)

    def token(self, *scopes: Permission, name: str = "orthanc ward 3", **more: Any) -> str:
        """The text of a token for some services."""
        people = make_people(self.stores.users, self.stores.tokens)
        said = {"name": name, "owner": "bert", "scopes": scopes, "days": 1, **more}
        return people.issue(people.read_token(said), actor="test")[1]

    def client(self, **more: Any) -> TestClient:
        """A program that may upload."""
        text = self.token(Permission.UPLOAD, **more)
        return TestClient(self.application, headers={"Authorization": f"Bearer {text}"})


@pytest.fixture
def corridor(tmp_path: Path) -> Iterator[Corridor]:
    with office_stores(tmp_path) as stores:
        stores.received.open()
        yield Corridor(stores)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corridor]:
    """A corridor into which nothing comes: every test that uses it is refused."""
    with office_stores(tmp_path_factory.mktemp("untouched")) as stores:
        stores.received.open()
        yield Corridor(stores)


def part10(tmp_path: Path, number: int = 1, **attributes: Any) -> bytes:
    """A file of one object."""
    return write_part10(tmp_path / f"{number}.dcm", make_dataset(number, **attributes)).read_bytes()


def related(*parts: bytes, close: bool = True, content_type: str = "application/dicom") -> bytes:
    """A body of parts."""
    head = f"--{_BOUNDARY}\r\nContent-Type: {content_type}\r\n\r\n".encode()
    body = b"".join(head + part + b"\r\n" for part in parts)
    return body + (f"--{_BOUNDARY}--\r\n".encode() if close else b"")


def posted(client: TestClient, body: bytes, *, path: str = "", kind: str = _RELATED) -> Any:
    """What the node answers."""
    return client.post(f"/dicom-web/studies{path}", content=body, headers={"Content-Type": kind})


def uid_of(data: bytes) -> str:
    return str(dcmread(io.BytesIO(data)).SOPInstanceUID)


def test_what_is_stored_is_in_the_archive_and_the_index_and_its_study_is_whole(
    corridor: Corridor, tmp_path: Path
) -> None:
    files = [part10(tmp_path, number) for number in (1, 2)]
    dataset = dcmread(io.BytesIO(files[0]))
    answer = posted(corridor.client(), related(*files))
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/dicom+json")
    said = Dataset.from_json(answer.text)
    assert [each.ReferencedSOPInstanceUID for each in said.ReferencedSOPSequence] == [
        uid_of(each) for each in files
    ]
    assert said.RetrieveURL.endswith(f"/dicom-web/studies/{dataset.StudyInstanceUID}")
    assert "FailedSOPSequence" not in said
    instances = corridor.stores.index.instances(dataset.StudyInstanceUID)
    assert {each.calling_ae for each in instances} == {"ORTHANC_WARD_3"}
    kept = dcmread(corridor.stores.received.path(instances[0]))
    assert (kept.file_meta.SourceApplicationEntityTitle, kept.SOPInstanceUID) == (
        "ORTHANC_WARD_3",
        instances[0].sop_instance_uid,
    )
    assert corridor.starter.started == [dataset.StudyInstanceUID]
    assert len(corridor.associations) == 0


def test_an_object_that_breaks_off_is_kept_with_a_warning_and_the_whole_one_beside_it(
    corridor: Corridor, tmp_path: Path
) -> None:
    whole = part10(tmp_path)
    answer = posted(corridor.client(), related(whole[:-2]))
    (item,) = Dataset.from_json(answer.text).ReferencedSOPSequence
    assert (answer.status_code, item.WarningReason) == (202, 0xB007)
    again = posted(corridor.client(name="again"), related(whole))
    (item,) = Dataset.from_json(again.text).ReferencedSOPSequence
    assert (again.status_code, "WarningReason" in item) == (200, False)


def test_a_token_sends_as_the_ae_title_that_it_was_given(
    corridor: Corridor, tmp_path: Path
) -> None:
    data = part10(tmp_path)
    assert posted(corridor.client(ae_title="CT1"), related(data)).status_code == 200
    study = corridor.stores.index.study(dcmread(io.BytesIO(data)).StudyInstanceUID)
    assert study.sender == "CT1"
    assert corridor.starter.awaited == [(study.study_instance_uid, 30.0)], "CT1's quiet period"


def test_a_person_sends_with_the_token_of_the_session_and_not_without(
    corridor: Corridor, tmp_path: Path
) -> None:
    data = part10(tmp_path)
    olga = TestClient(corridor.application)
    assert sign_in(olga, "olga") == 303
    found = re.search(r'X-CSRF-Token": "([^"]+)"', olga.get("/welcome").text)
    assert found
    olga.headers["X-CSRF-Token"] = found[1]
    assert posted(olga, related(data)).status_code == 200
    study = corridor.stores.index.study(dcmread(io.BytesIO(data)).StudyInstanceUID)
    assert study.sender == "UPLOAD"
    del olga.headers["X-CSRF-Token"]
    assert posted(olga, related(data)).status_code == 403


def test_who_may_see_images_may_not_send_any_by_that(untouched: Corridor, tmp_path: Path) -> None:
    text = untouched.token(Permission.IMAGES)
    reader = TestClient(untouched.application, headers={"Authorization": f"Bearer {text}"})
    assert posted(reader, related(part10(tmp_path))).status_code == 403
    stranger = TestClient(untouched.application, headers={"Authorization": "Bearer nonsense"})
    assert posted(stranger, related(part10(tmp_path))).status_code == 401


def test_each_part_gets_its_own_answer(corridor: Corridor, tmp_path: Path) -> None:
    good = part10(tmp_path, 1)
    of_directory = part10(tmp_path, 2, SOPClassUID="1.2.840.10008.1.3.10")
    body = related(good, b"\xff\xd8\xff a photograph", of_directory, good[: len(good) // 9])
    answer = posted(corridor.client(), body)
    assert answer.status_code == 202
    said = Dataset.from_json(answer.text)
    assert [each.ReferencedSOPInstanceUID for each in said.ReferencedSOPSequence] == [uid_of(good)]
    assert [each.FailureReason for each in said.FailedSOPSequence] == [0x0122]
    assert [each.FailureReason for each in said.OtherFailuresSequence] == [0xC001, 0xC001]


def test_the_words_of_what_was_refused_name_the_clients_file(
    corridor: Corridor, tmp_path: Path
) -> None:
    head = f"--{_BOUNDARY}\r\nContent-Type: application/dicom\r\nContent-Location: %s\r\n\r\n"
    body = b"".join(
        (head % name).encode() + data + b"\r\n"
        for name, data in (("a/1.dcm", part10(tmp_path)), ("a/notes.txt", b"not an image"))
    )
    body += f"--{_BOUNDARY}--".encode()
    client = corridor.client()
    client.headers.update(_WORDS)
    said = posted(client, body).json()
    assert [each["location"] for each in said["stored"]] == ["a/1.dcm"]
    assert said["refused"] == [{"why": "this is not a DICOM file", "location": "a/notes.txt"}]


def test_an_object_of_another_study_than_the_address_names_is_refused(
    untouched: Corridor, tmp_path: Path
) -> None:
    answer = posted(untouched.client(), related(part10(tmp_path)), path="/1.2.3.4")
    assert answer.status_code == 409
    said = Dataset.from_json(answer.text)
    assert [each.FailureReason for each in said.FailedSOPSequence] == [0xA900]
    assert "ReferencedSOPSequence" not in said
    assert list(untouched.stores.received.root.rglob("*.dcm")) == []


def test_an_object_larger_than_the_node_takes_is_refused_and_the_next_one_taken(
    corridor: Corridor, tmp_path: Path
) -> None:
    large = part10(tmp_path, 1, PixelData=bytes(_MOST_OBJECT_BYTES))
    assert len(large) > _MOST_OBJECT_BYTES
    small = part10(tmp_path, 2)
    answer = posted(corridor.client(), related(large, small))
    assert answer.status_code == 202
    said = Dataset.from_json(answer.text)
    assert [each.FailureReason for each in said.OtherFailuresSequence] == [0xA701]
    assert [each.ReferencedSOPInstanceUID for each in said.ReferencedSOPSequence] == [uid_of(small)]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("", b"x", 415),
        ("text/plain", b"x", 415),
        ("multipart/form-data; boundary=b", b"--b--", 415),
        ('multipart/related; type="application/dicom+xml"; boundary=b', b"--b--", 400),
        ('multipart/related; type="application/dicom+json"; boundary=b', b"--b--", 400),
        ('multipart/related; type="application/dicom"', b"x", 400),
        (f'multipart/related; type="application/dicom"; boundary={"b" * 71}', b"x", 400),
        ('multipart/related; type="application/dicom"; boundary=ä', b"x", 400),
        (_RELATED, b"", 400),
        (_RELATED, b"no boundary at all", 400),
        (_RELATED, b"x" * 100_000, 400),
        (_RELATED, f"--{_BOUNDARY}--\r\n".encode(), 400),
        (_RELATED, f"--{_BOUNDARY}\r\nno header\r\n\r\nx".encode(), 400),
        (_RELATED, f"--{_BOUNDARY}\r\nA: {'b' * 50_000}\r\n\r\nx".encode(), 400),
        (_RELATED, f"--{_BOUNDARY}{_BOUNDARY}\r\n\r\nx\r\n--{_BOUNDARY}--".encode(), 400),
        (_RELATED, related(b"x", content_type="image/jpeg"), 409),
        ("application/dicom", b"", 400),
        ("application/dicom", b"x", 409),
    ],
)
def test_a_body_that_is_no_objects_gets_a_clear_status(
    untouched: Corridor, kind: str, body: bytes, status: int
) -> None:
    answer = untouched.client().post(
        "/dicom-web/studies", content=body, headers={"Content-Type": kind.encode("utf-8")}
    )
    assert answer.status_code == status, answer.text
    assert len(untouched.associations) == 0
    assert list(untouched.stores.received.root.rglob("*.dcm")) == []


def test_a_preamble_and_an_epilogue_are_no_parts(corridor: Corridor, tmp_path: Path) -> None:
    body = b"for people\r\n" + related(part10(tmp_path)) + b"and so on"
    assert posted(corridor.client(), body).status_code == 200


def test_one_object_may_come_without_a_multipart(corridor: Corridor, tmp_path: Path) -> None:
    answer = posted(corridor.client(), part10(tmp_path), kind="application/dicom")
    assert answer.status_code == 200, answer.text


def test_a_body_that_ends_early_leaves_whole_objects_and_a_study_that_waits(
    corridor: Corridor, tmp_path: Path
) -> None:
    first, second = part10(tmp_path, 1), part10(tmp_path, 2)
    cut = related(first, second, close=False)[:-200]
    answer = posted(corridor.client(), cut)
    assert answer.status_code == 400
    assert "ends before its last boundary" in answer.json()["problem"]
    study = corridor.stores.index.study(dcmread(io.BytesIO(first)).StudyInstanceUID)
    assert study.interruption is AssociationEnd.PROTOCOL_ERROR
    assert corridor.starter.started == [], "the retry is waited for"
    assert len(corridor.stores.index.instances(study.study_instance_uid)) == 1
    assert posted(corridor.client(), related(first, second)).status_code == 200
    assert corridor.starter.started == [study.study_instance_uid]
    assert corridor.stores.index.study(study.study_instance_uid).state is StudyState.RECEIVING


def test_more_uploads_than_the_node_takes_are_asked_to_come_again(
    tmp_path: Path,
) -> None:
    with office_stores(tmp_path / "stores") as stores:
        stores.received.open()
        corridor = Corridor(stores, most=0)
        answer = posted(corridor.client(), related(part10(tmp_path)))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]


def test_a_representation_that_is_not_made_is_refused_before_the_body_is_read(
    untouched: Corridor, tmp_path: Path
) -> None:
    client = untouched.client()
    client.headers["Accept"] = "text/html"
    assert posted(client, related(part10(tmp_path))).status_code == 406
    assert list(untouched.stores.received.root.rglob("*.dcm")) == []


def test_dicomweb_client_stores_and_reads_back(corridor: Corridor, tmp_path: Path) -> None:
    datasets = [make_dataset(number) for number in (1, 2, 3)]
    files = [dcmread(write_part10(tmp_path / f"{n}.dcm", d)) for n, d in enumerate(datasets)]
    text = corridor.token(Permission.UPLOAD, Permission.IMAGES)
    with serving(corridor.application) as url:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {text}"
        client = DICOMwebClient(f"{url}/dicom-web", session=session)
        said = client.store_instances(files)
        assert len(said.ReferencedSOPSequence) == 3
        found = client.retrieve_study(datasets[0].StudyInstanceUID)
        assert {each.SOPInstanceUID for each in found} == {d.SOPInstanceUID for d in datasets}
        with pytest.raises(requests.HTTPError, match="409"):
            client.store_instances(files, study_instance_uid=generate_uid())


def test_a_client_that_hangs_up_leaves_nothing_half_kept(
    corridor: Corridor, tmp_path: Path
) -> None:
    whole, broken = (part10(tmp_path, n, PixelData=bytes(2**21)) for n in (1, 2))
    body = related(whole, broken)
    text, archive = corridor.token(Permission.UPLOAD), corridor.stores.received.root
    with serving(corridor.application) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as peer:
            peer.sendall(
                f"POST /dicom-web/studies HTTP/1.1\r\nHost: node\r\nContent-Type: {_RELATED}\r\n"
                f"Authorization: Bearer {text}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            peer.sendall(body[: len(body) - 300])
            wait_until(lambda: any(archive.rglob("*.dcm")), "the first object is kept")
        study = make_dataset(1).StudyInstanceUID
        index = corridor.stores.index
        wait_until(lambda: len(index.instances(study)) == 1, "what came whole is indexed")
        wait_until(
            lambda: index.study(study).interruption is AssociationEnd.CONNECTION_LOST,
            "the study is said to be interrupted",
        )
    assert list((archive / ".incoming").glob("*")) == []
    assert corridor.starter.started == []
