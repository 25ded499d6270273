"""Query/Retrieve as DCMTK's and pynetdicom's users meet it."""

import functools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    ComputedRadiographyImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Role
from dicom_node.network.access import StaticAccess
from dicom_node.network.query_classes import QUERY_SOP_CLASSES
from dicom_node.network.reactor import Reactor
from dicom_node.node.holdings import query_source
from dicom_node.node.repositories import Repositories
from tests.peers import dcmtk, node
from tests.peers.objects import announcement, dataset_bytes, encoded, make_dataset
from tests.peers.orthanc import Orthanc
from tests.peers.process import free_port
from tests.peers.raw_pdu import (
    ABORT,
    ABORTED,
    APPLICATION_CONTEXT,
    DATA,
    USER_INFORMATION,
    RawPeer,
    associate_rq,
    command,
    context,
    data_tf,
    fragment,
    item,
    raw_peer,
    short,
)
from tests.peers.raw_scu import rejection
from tests.peers.scp import answering_scp
from tests.unit.builders import EPOCH, an_entity

pytestmark = pytest.mark.peer

CONFIG = Path(__file__).parents[3] / "config"
ROOT = "1.2.826.0.1.3680043.3"
READER, MODALITY, BOTH = "READER", "MODALITY", "BOTH"
NOWHERE, ALIAS = "NOWHERE", "ALIAS"
STUDIES = 3
PER_SERIES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """A node that holds three studies of two patients, and its peers' addresses."""

    peer: dcmtk.Peer
    repositories: Repositories
    folder: Path


def objects() -> Iterator[Dataset]:
    """Two series of four images in each of three studies; the last is of another patient."""
    for study in range(1, STUDIES + 1):
        for series in (1, 2):
            for image in range(1, PER_SERIES + 1):
                yield make_dataset(
                    100 * study + 10 * series + image,
                    PatientID="P1" if study < STUDIES else "P2",
                    PatientName="Müller^Jörg" if study < STUDIES else "Other^Name",
                    SpecificCharacterSet="ISO_IR 100",
                    PatientBirthDate="19600102",
                    StudyInstanceUID=f"{ROOT}.{study}",
                    SeriesInstanceUID=f"{ROOT}.{study}.{series}",
                    StudyDate=f"202601{study:02d}",
                    StudyTime="120000",
                    StudyID=f"S{study}",
                    AccessionNumber=f"A{study}",
                    ReferringPhysicianName="",
                    SeriesNumber=series,
                    InstanceNumber=image,
                )


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    with running_hospital(tmp_path_factory.mktemp("node")) as running:
        yield running


@contextmanager
def running_hospital(folder: Path, **scp: object) -> Iterator[Hospital]:
    base = load_settings(CONFIG)
    network = base.network.model_copy(update={"max_query_results": 10})
    settings: NodeSettings = base.model_copy(
        update={"data_dir": folder / "data", "network": network}
    )
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    permitted = {
        READER: OPERATIONS_OF_ROLE[Role.QUERY],
        MODALITY: OPERATIONS_OF_ROLE[Role.MODALITY],
        BOTH: OPERATIONS_OF_ROLE[Role.QUERY] | OPERATIONS_OF_ROLE[Role.MODALITY],
    }
    running = node.reception(
        settings.archive_dir,
        access=functools.partial(StaticAccess, permitted),
        queries=functools.partial(query_source, settings.model_dump()),
        **scp,
    )
    with running as reception:
        for dataset in objects():
            stored = reception.archive.store(encoded(dataset), announcement(dataset))
            repositories.index.record([stored.instance])
        nobody = an_entity(NOWHERE, port=free_port())
        repositories.ae_titles.put(nobody, actor="t", at=EPOCH)
        itself = an_entity(ALIAS, host="localhost", port=settings.network.port)
        repositories.ae_titles.put(itself, actor="t", at=EPOCH)
        yield Hospital(peer=reception.peer, repositories=repositories, folder=folder)
    repositories.close()


def findscu(hospital: Hospital, *keys: str, root: str = "-S", calling: str = READER) -> str:
    arguments = [part for key in keys for part in ("-k", key)]
    result = dcmtk.run(
        "findscu", "-v", root, "-aet", calling, "-aec", hospital.peer.ae_title,
        hospital.peer.host, str(hospital.peer.port), *arguments,
    )  # fmt: skip
    return result.stdout + result.stderr


def found(said: str, tag: str) -> list[str]:
    """Return the values of an attribute in what findscu printed of responses."""
    responses = said.partition("Find Response: 1 ")[2]
    return re.findall(rf"\({tag}\) \w\w \[([^\]\0]*?)[ \0]*\]", responses)


@pytest.mark.parametrize(
    ("root", "keys", "tag", "values"),
    [
        ("-P", ["QueryRetrieveLevel=PATIENT", "PatientID"], "0010,0020", ["P1", "P2"]),
        ("-P", ["QueryRetrieveLevel=PATIENT", "PatientID=*2"], "0010,0020", ["P2"]),
        ("-P", ["QueryRetrieveLevel=STUDY", "PatientID=P1", "StudyID"], "0020,0010", ["S2", "S1"]),
        ("-S", ["QueryRetrieveLevel=STUDY", "StudyDate=20260102-", "StudyID"], "0020,0010",
         ["S3", "S2"]),
        ("-S", ["QueryRetrieveLevel=STUDY", "PatientName=muller*", "StudyID"], "0020,0010",
         ["S2", "S1"]),
        ("-S", ["QueryRetrieveLevel=STUDY", "AccessionNumber=A?", "StudyID=S1"], "0020,0010",
         ["S1"]),
        ("-S", ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={ROOT}.1\\{ROOT}.3", "StudyID"],
         "0020,0010", ["S3", "S1"]),
        ("-S", ["QueryRetrieveLevel=STUDY", "ModalitiesInStudy=CT", "StudyID"], "0020,0010", []),
        ("-S", ["QueryRetrieveLevel=SERIES", f"StudyInstanceUID={ROOT}.2", "SeriesNumber"],
         "0020,0011", ["1", "2"]),
        ("-S", ["QueryRetrieveLevel=SERIES", f"StudyInstanceUID={ROOT}.2", "SeriesNumber=2"],
         "0020,0011", ["2"]),
        ("-S", ["QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={ROOT}.2",
                f"SeriesInstanceUID={ROOT}.2.1", "InstanceNumber=3"], "0020,0013", ["3"]),
    ],
)  # fmt: skip
def test_findscu_finds_at_every_level_by_every_kind_of_key(
    hospital: Hospital, root: str, keys: list[str], tag: str, values: list[str]
) -> None:
    said = findscu(hospital, *keys, root=root)
    assert found(said, tag) == values
    assert "Received Final Find Response (Success)" in said


def test_an_answer_says_where_to_retrieve_from_and_counts(hospital: Hospital) -> None:
    said = findscu(
        hospital, "QueryRetrieveLevel=STUDY", "StudyID=S1", "NumberOfStudyRelatedInstances",
        "NumberOfStudyRelatedSeries", "ModalitiesInStudy", "PatientName",
    )  # fmt: skip
    assert found(said, "0020,1208") == [str(2 * PER_SERIES)]
    assert found(said, "0020,1206") == ["2"]
    assert found(said, "0008,0061") == ["CR"]
    assert found(said, "0008,0054") == [hospital.peer.ae_title]
    assert found(said, "0008,0056") == ["ONLINE"]
    assert found(said, "0008,0005") == ["ISO_IR 192"]
    assert found(said, "0010,0010") == ["Müller^Jörg"]


def test_a_patient_is_counted_over_all_studies(hospital: Hospital) -> None:
    said = findscu(
        hospital, "QueryRetrieveLevel=PATIENT", "PatientID=P1", "NumberOfPatientRelatedStudies",
        "NumberOfPatientRelatedSeries", "NumberOfPatientRelatedInstances", root="-P",
    )  # fmt: skip
    assert found(said, "0020,1200") == ["2"]
    assert found(said, "0020,1202") == ["4"]
    assert found(said, "0020,1204") == [str(4 * PER_SERIES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """What a pynetdicom SCU was answered."""

    statuses: list[int]
    last: Dataset
    identifiers: list[Dataset]


def asked(
    hospital: Hospital, sop_class: str, identifier: Dataset, *, calling: str = READER, **more: Any
) -> Responses:
    ae = AE(ae_title=calling)
    association = ae.associate(
        hospital.peer.host,
        hospital.peer.port,
        [build_context(sop_class, ExplicitVRLittleEndian)],
        ae_title=hospital.peer.ae_title,
    )
    assert association.is_established
    send = association.send_c_move if more else association.send_c_find
    arguments = (identifier, more["to"], sop_class) if more else (identifier, sop_class)
    statuses, identifiers, last = [], [], Dataset()
    for status, answer in send(*arguments):
        statuses.append(status.Status)
        last = status
        if answer is not None:
            identifiers.append(answer)
    association.release()
    return Responses(statuses=statuses, last=last, identifiers=identifiers)


def a_query(level: str, **keys: Any) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


@pytest.mark.parametrize(
    ("sop_class", "level", "keys"),
    [
        (StudyRootQueryRetrieveInformationModelFind, "", {"PatientID": "P1"}),
        (StudyRootQueryRetrieveInformationModelFind, "PATIENT", {"PatientID": ""}),
        (StudyRootQueryRetrieveInformationModelFind, "SERIES", {"SeriesInstanceUID": ""}),
        (StudyRootQueryRetrieveInformationModelFind, "SERIES", {"StudyInstanceUID": ["1", "2"]}),
        (StudyRootQueryRetrieveInformationModelFind, "STUDY", {"StudyTime": "noon"}),
        (StudyRootQueryRetrieveInformationModelFind, "STUDY", {"StudyInstanceUID": "1.2.*"}),
        (StudyRootQueryRetrieveInformationModelFind, "STUDY", {"StudyInstanceUID": ["1.2", "*"]}),
        (PatientRootQueryRetrieveInformationModelFind, "STUDY", {"StudyInstanceUID": ""}),
        (PatientRootQueryRetrieveInformationModelFind, "STUDY", {"PatientID": "P*"}),
    ],
)
def test_a_query_that_does_not_fit_gets_its_status(
    hospital: Hospital, sop_class: str, level: str, keys: dict[str, Any]
) -> None:
    answered = asked(hospital, sop_class, a_query(level, **keys))
    assert answered.statuses == [0xA900]
    assert answered.last.ErrorComment


@pytest.mark.parametrize(
    "identifier",
    [
        b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff" * 50,
        b"\x08\0\x52\0CS\x06\0STUDY \x10\0\x20\0LO\x08\0P-12",
    ],
)
def test_an_identifier_that_breaks_off_gets_its_status(
    hospital: Hospital, identifier: bytes
) -> None:
    """The second one asks for P-12 and more: not for a patient of that name."""
    sop_class = str(StudyRootQueryRetrieveInformationModelFind).encode()
    offered = item(0x10, APPLICATION_CONTEXT) + context(1, sop_class) + USER_INFORMATION
    elements = {0x0002: sop_class + b"\0", 0x0100: short(0x0020), 0x0110: short(5)}
    find = command(elements | {0x0700: short(0), 0x0800: short(1)})
    with raw_peer(hospital.peer) as peer:
        peer.open(associate_rq(calling=READER.encode().ljust(16), items=offered))
        peer.send(data_tf(fragment(find, of_command=True), fragment(identifier, of_command=False)))
        assert peer.status() == (5, 0xA900)
        peer.release()


def test_more_matches_than_the_limit_are_said_to_be_too_many(hospital: Hospital) -> None:
    identifier = a_query("IMAGE", StudyInstanceUID=f"{ROOT}.1", SeriesInstanceUID=f"{ROOT}.1.1")
    answered = asked(hospital, StudyRootQueryRetrieveInformationModelFind, identifier)
    assert answered.statuses == [0xFF00] * PER_SERIES + [0x0000]
    narrow = Hospital(
        peer=hospital.peer, repositories=hospital.repositories, folder=hospital.folder
    )
    for number in range(20):
        dataset = make_dataset(
            5000 + number, PatientID=f"Q{number}", StudyInstanceUID=f"{ROOT}.9.{number}"
        )
        archive = narrow.repositories.received
        stored = archive.store(encoded(dataset), announcement(dataset))
        narrow.repositories.index.record([stored.instance])
    everything = a_query("STUDY", StudyInstanceUID="", PatientName="*")
    answered = asked(narrow, StudyRootQueryRetrieveInformationModelFind, everything)
    assert answered.statuses == [0xFF00] * 10 + [0xA700]
    assert "narrow the query" in answered.last.ErrorComment


def test_keys_that_are_not_supported_are_left_out_and_said_so(hospital: Hospital) -> None:
    identifier = a_query("STUDY", StudyID="S1", Occupation="x", StudyInstanceUID="")
    answered = asked(hospital, StudyRootQueryRetrieveInformationModelFind, identifier)
    assert answered.statuses == [0xFF01, 0x0000]
    (answer,) = answered.identifiers
    assert "Occupation" not in answer
    assert answer.StudyInstanceUID == f"{ROOT}.1"


def test_patients_whose_sex_only_the_matcher_can_compare_come_once(hospital: Hospital) -> None:
    identifier = a_query("PATIENT", PatientID="P*", PatientSex="")
    answered = asked(hospital, PatientRootQueryRetrieveInformationModelFind, identifier)
    assert [each.PatientID for each in answered.identifiers] == ["P1", "P2"]
    identifier = a_query("PATIENT", PatientID="P*", PatientSex="F")
    answered = asked(hospital, PatientRootQueryRetrieveInformationModelFind, identifier)
    assert answered.identifiers == []


def test_movescu_has_a_series_sent_to_itself(hospital: Hospital, tmp_path: Path) -> None:
    port = free_port()
    taker = an_entity(READER, port=port)
    hospital.repositories.ae_titles.put(taker, actor="t", at=EPOCH)
    result = dcmtk.run(
        "movescu", "-v", "-S", "-aet", READER, "-aec", hospital.peer.ae_title, "-aem", READER,
        "+P", str(port), "-od", tmp_path, hospital.peer.host, str(hospital.peer.port),
        "-k", "QueryRetrieveLevel=SERIES", "-k", f"StudyInstanceUID={ROOT}.1",
        "-k", f"SeriesInstanceUID={ROOT}.1.2",
    )  # fmt: skip
    assert "Received Final Move Response (Success)" in result.stdout + result.stderr
    arrived = [dcmread(path) for path in tmp_path.iterdir()]
    assert len(arrived) == PER_SERIES
    assert {each.SeriesInstanceUID for each in arrived} == {f"{ROOT}.1.2"}


@pytest.mark.parametrize(
    ("root", "keys", "count"),
    [
        ("-P", ["QueryRetrieveLevel=PATIENT", "PatientID=P1"], 4 * PER_SERIES),
        ("-S", ["QueryRetrieveLevel=STUDY", f"StudyInstanceUID={ROOT}.3"], 2 * PER_SERIES),
        ("-S", ["QueryRetrieveLevel=SERIES", f"StudyInstanceUID={ROOT}.3",
                f"SeriesInstanceUID={ROOT}.3.1"], PER_SERIES),
        ("-S", ["QueryRetrieveLevel=IMAGE", f"StudyInstanceUID={ROOT}.3",
                f"SeriesInstanceUID={ROOT}.3.1",
                "SOPInstanceUID=1.2.826.0.1.3680043.2.1.311"], 1),
        ("-P", ["QueryRetrieveLevel=STUDY", "PatientID=P1", f"StudyInstanceUID={ROOT}.3"], 0),
    ],
)  # fmt: skip
def test_getscu_gets_the_bytes_that_were_received(
    hospital: Hospital, tmp_path: Path, root: str, keys: list[str], count: int
) -> None:
    arguments = [part for key in keys for part in ("-k", key)]
    result = dcmtk.run(
        "getscu", "-v", root, "+B", "-aet", READER, "-aec", hospital.peer.ae_title,
        "-od", tmp_path, hospital.peer.host, str(hospital.peer.port), *arguments,
    )  # fmt: skip
    assert "Received C-GET Response (Success)" in result.stdout + result.stderr, result.stderr
    arrived = sorted(tmp_path.iterdir())
    assert len(arrived) == count
    for path in arrived:
        instance = hospital.repositories.index.instance(str(dcmread(path).SOPInstanceUID))
        assert instance is not None
        kept = hospital.repositories.received.path(instance)
        assert dataset_bytes(path) == dataset_bytes(kept)


@pytest.mark.parametrize(
    ("to", "statuses", "words"),
    [
        ("STRANGER", [0xA801], "not administered"),
        ("AINODE", [0xA801], "is this node"),
        (ALIAS, [0xA801], "is this node"),
        (NOWHERE, [0xA702], "cannot be reached"),
    ],
)
def test_a_move_to_where_nothing_can_go_gets_its_status(
    hospital: Hospital, to: str, statuses: list[int], words: str
) -> None:
    identifier = a_query("STUDY", StudyInstanceUID=f"{ROOT}.1")
    move = StudyRootQueryRetrieveInformationModelMove
    answered = asked(hospital, move, identifier, to=to)
    assert answered.statuses == statuses
    assert words in answered.last.ErrorComment
    assert answered.last.NumberOfFailedSuboperations == 2 * PER_SERIES


def test_a_receiver_that_takes_them_in_no_syntax_fails_them_all(hospital: Hospital) -> None:
    with answering_scp(syntaxes=[JPEGBaseline8Bit], ae_title="JPEGS") as scp:
        entity = an_entity("JPEGS", port=scp.peer.port)
        hospital.repositories.ae_titles.put(entity, actor="t", at=EPOCH)
        identifier = a_query("STUDY", StudyInstanceUID=f"{ROOT}.1")
        move = StudyRootQueryRetrieveInformationModelMove
        answered = asked(hospital, move, identifier, to="JPEGS")
    assert answered.statuses[-1] == 0xA702
    assert answered.last.NumberOfFailedSuboperations == 2 * PER_SERIES
    (failed,) = answered.identifiers
    assert len(failed.FailedSOPInstanceUIDList) == 2 * PER_SERIES


@pytest.mark.parametrize("way", ["C-MOVE", "C-GET"])
def test_what_cannot_be_read_is_named_among_what_failed(tmp_path: Path, way: str) -> None:
    with running_hospital(tmp_path) as hospital, answering_scp(ae_title="PACS") as scp:
        entity = an_entity("PACS", port=scp.peer.port)
        hospital.repositories.ae_titles.put(entity, actor="t", at=EPOCH)
        gone, *others = hospital.repositories.index.instances(f"{ROOT}.1")
        hospital.repositories.received.path(gone).unlink()
        association = AE(ae_title=READER).associate(
            hospital.peer.host,
            hospital.peer.port,
            [
                build_context(StudyRootQueryRetrieveInformationModelMove),
                build_context(StudyRootQueryRetrieveInformationModelGet),
                build_context(ComputedRadiographyImageStorage),
            ],
            ae_title=hospital.peer.ae_title,
            ext_neg=[build_role(ComputedRadiographyImageStorage, scp_role=True)],
            evt_handlers=[(evt.EVT_C_STORE, lambda _event: 0x0000)],
        )
        identifier = a_query("STUDY", StudyInstanceUID=f"{ROOT}.1")
        answers = (
            association.send_c_move(identifier, "PACS", StudyRootQueryRetrieveInformationModelMove)
            if way == "C-MOVE"
            else association.send_c_get(identifier, StudyRootQueryRetrieveInformationModelGet)
        )
        *_, (last, failed) = answers
        association.release()
    assert last.Status == 0xB000
    assert last.NumberOfCompletedSuboperations == len(others)
    assert failed is not None
    assert failed.FailedSOPInstanceUIDList == gone.sop_instance_uid


def test_a_move_can_be_canceled(hospital: Hospital) -> None:
    move, message_id = StudyRootQueryRetrieveInformationModelMove, 7
    with answering_scp(ae_title="SLOW", pause=0.3) as scp:
        entity = an_entity("SLOW", port=scp.peer.port)
        hospital.repositories.ae_titles.put(entity, actor="t", at=EPOCH)
        association = AE(ae_title=READER).associate(
            hospital.peer.host,
            hospital.peer.port,
            [build_context(move)],
            ae_title=hospital.peer.ae_title,
        )
        identifier = a_query("STUDY", StudyInstanceUID=f"{ROOT}.1")
        last = None
        for status, _ in association.send_c_move(identifier, "SLOW", move, msg_id=message_id):
            if last is None:
                association.send_c_cancel(message_id, query_model=move)
            last = status
        association.release()
    assert last is not None
    assert last.Status == 0xFE00
    done, left = last.NumberOfCompletedSuboperations, last.NumberOfRemainingSuboperations
    assert done + left == 2 * PER_SERIES
    assert 1 <= done < 2 * PER_SERIES


def test_a_move_without_keys_is_refused(hospital: Hospital) -> None:
    move = StudyRootQueryRetrieveInformationModelMove
    answered = asked(hospital, move, a_query("STUDY"), to=NOWHERE)
    assert answered.statuses == [0xA900]
    answered = asked(hospital, move, a_query("STUDY", StudyInstanceUID="*"), to=NOWHERE)
    assert answered.statuses == [0xA900]


def test_what_a_receiver_refuses_is_counted_and_named(hospital: Hospital) -> None:
    with answering_scp([0x0000, 0xA700, 0xB000, 0x0000], ae_title="PICKY") as scp:
        hospital.repositories.ae_titles.put(
            an_entity("PICKY", port=scp.peer.port), actor="t", at=EPOCH
        )
        identifier = a_query(
            "SERIES", StudyInstanceUID=f"{ROOT}.1", SeriesInstanceUID=f"{ROOT}.1.1"
        )
        move = StudyRootQueryRetrieveInformationModelMove
        answered = asked(hospital, move, identifier, to="PICKY")
    assert answered.statuses == [0xFF00] * (PER_SERIES - 1) + [0xB000]
    last = answered.last
    assert (
        last.NumberOfCompletedSuboperations,
        last.NumberOfFailedSuboperations,
        last.NumberOfWarningSuboperations,
    ) == (2, 1, 1)
    (failed,) = answered.identifiers
    assert len([failed.FailedSOPInstanceUIDList]) == 1


def test_a_get_can_be_canceled(hospital: Hospital) -> None:
    taken: list[str] = []
    ae = AE(ae_title=READER)
    message_id, get = 7, StudyRootQueryRetrieveInformationModelGet
    contexts = [build_context(get), build_context(ComputedRadiographyImageStorage)]

    def take(event: evt.Event) -> int:
        taken.append(str(event.request.AffectedSOPInstanceUID))
        if len(taken) == 2:
            event.assoc.send_c_cancel(message_id, query_model=get)
        return 0x0000

    association = ae.associate(
        hospital.peer.host,
        hospital.peer.port,
        contexts,
        ae_title=hospital.peer.ae_title,
        ext_neg=[build_role(ComputedRadiographyImageStorage, scp_role=True)],
        evt_handlers=[(evt.EVT_C_STORE, take)],
    )
    identifier = a_query("STUDY", StudyInstanceUID=f"{ROOT}.1")
    statuses = [
        status.Status for status, _ in association.send_c_get(identifier, get, msg_id=message_id)
    ]
    association.release()
    assert statuses[-1] == 0xFE00
    assert 2 <= len(taken) < 2 * PER_SERIES


def test_the_librarys_own_loop_serves_retrievals_too(tmp_path: Path) -> None:
    into = tmp_path / "got"
    into.mkdir()
    with running_hospital(tmp_path / "node", reactor=Reactor.PYNETDICOM) as hospital:
        result = dcmtk.run(
            "getscu", "-v", "-S", "+B", "-aet", READER, "-aec", hospital.peer.ae_title,
            "-od", into, hospital.peer.host, str(hospital.peer.port),
            "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={ROOT}.3",
        )  # fmt: skip
    assert "Received C-GET Response (Success)" in result.stdout + result.stderr, result.stderr
    assert len(list(into.iterdir())) == 2 * PER_SERIES


def test_whoever_may_only_store_may_not_query_and_the_reverse(hospital: Hospital) -> None:
    querying = [(uid, ImplicitVRLittleEndian) for uid in QUERY_SOP_CLASSES]
    assert rejection(hospital.peer, MODALITY, querying)
    reader = AE(ae_title=READER)
    association = reader.associate(
        hospital.peer.host,
        hospital.peer.port,
        [build_context(ComputedRadiographyImageStorage, ExplicitVRLittleEndian)],
        ae_title=hospital.peer.ae_title,
        ext_neg=[build_role(ComputedRadiographyImageStorage, scp_role=True, scu_role=True)],
    )
    assert association.is_established
    (context,) = association.accepted_contexts
    assert (context.as_scu, context.as_scp) == (False, True)
    association.release()


def test_whoever_may_store_and_retrieve_does_both_on_one_association(hospital: Hospital) -> None:
    taken: list[str] = []
    ae = AE(ae_title=BOTH)
    both = build_role(ComputedRadiographyImageStorage, scp_role=True, scu_role=True)
    association = ae.associate(
        hospital.peer.host,
        hospital.peer.port,
        [
            build_context(ComputedRadiographyImageStorage, ImplicitVRLittleEndian),
            build_context(StudyRootQueryRetrieveInformationModelGet),
        ],
        ae_title=hospital.peer.ae_title,
        ext_neg=[both],
        evt_handlers=[(evt.EVT_C_STORE, lambda event: taken.append(event.dataset.Modality) or 0)],
    )
    sent = make_dataset(9001, StudyInstanceUID=f"{ROOT}.77")
    sent.ensure_file_meta()
    sent.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert association.send_c_store(sent).Status == 0x0000
    identifier = a_query("SERIES", StudyInstanceUID=f"{ROOT}.2", SeriesInstanceUID=f"{ROOT}.2.1")
    get = StudyRootQueryRetrieveInformationModelGet
    statuses = [status.Status for status, _ in association.send_c_get(identifier, get)]
    association.release()
    assert statuses[-1] == 0x0000
    assert taken == ["CR"] * PER_SERIES


def test_orthanc_queries_and_retrieves(hospital: Hospital, plain_orthanc: Orthanc) -> None:
    title = plain_orthanc.peer.ae_title
    hospital.repositories.ae_titles.put(
        an_entity(title, port=plain_orthanc.peer.port), actor="t", at=EPOCH
    )
    modality = {"AET": hospital.peer.ae_title, "Host": hospital.peer.host,
                "Port": hospital.peer.port, "LocalAet": READER}  # fmt: skip
    plain_orthanc.request("PUT", "/modalities/node", json.dumps(modality).encode())
    query = {"Level": "Study", "Query": {"PatientID": "P2", "StudyDescription": ""}}
    answer = plain_orthanc.post("/modalities/node/query", query)
    assert plain_orthanc.get(f"/queries/{answer['ID']}/answers") == ["0"]
    retrieved = plain_orthanc.post(
        f"/queries/{answer['ID']}/answers/0/retrieve", {"TargetAet": title, "Synchronous": True}
    )
    assert retrieved
    uids = {str(each.SOPInstanceUID) for each in objects() if each.PatientID == "P2"}
    assert uids <= set(plain_orthanc.instances())


def _get(peer: RawPeer) -> tuple[int, dict[int, bytes]]:
    """Ask for a study by C-GET; return the context of the first object that comes, and its command.

    Its data set is read, too.
    """
    get = str(StudyRootQueryRetrieveInformationModelGet).encode()
    image = str(ComputedRadiographyImageStorage).encode()
    role = item(0x54, len(image).to_bytes(2, "big") + image + bytes((0, 1)))
    user = USER_INFORMATION[:2] + (len(USER_INFORMATION) - 4 + len(role)).to_bytes(2, "big")
    offered = item(0x10, APPLICATION_CONTEXT) + context(1, get) + context(3, image)
    peer.open(
        associate_rq(
            calling=READER.encode().ljust(16), items=offered + user + USER_INFORMATION[4:] + role
        )
    )
    elements = {0x0002: get + b"\0" * (len(get) % 2), 0x0100: short(0x0010), 0x0110: short(5)}
    asks = command(elements | {0x0700: short(0), 0x0800: short(1)})
    uid = f"{ROOT}.1".encode()
    uid += b"\0" * (len(uid) % 2)
    keys = b"\x08\0\x52\0CS\x06\0STUDY " + b"\x20\0\x0d\0UI" + short(len(uid)) + uid
    peer.send(data_tf(fragment(asks, of_command=True), fragment(keys, of_command=False)))
    first = peer.response()
    _data_set(peer)
    return 3, first


def _data_set(peer: RawPeer) -> None:
    kind, body = peer.answer()
    while not body[5] & 2:
        kind, body = peer.answer()
    assert kind == DATA


def _stored(request: dict[int, bytes], **changes: bytes) -> bytes:
    """Return the answer to a C-STORE-RQ, with what is changed."""
    elements = {
        0x0002: request[0x0002],
        0x0100: short(0x8001),
        0x0120: request[0x0110],
        0x0800: short(0x0101),
        0x0900: short(0),
        0x1000: request[0x1000],
    }
    elements |= {int(name[1:], 16): value for name, value in changes.items()}
    return data_tf(fragment(command(elements), of_command=True, number=3))


def _counts(response: dict[int, bytes]) -> tuple[int, int]:
    """Return how many objects were stored, and how many were not."""
    completed, failed = (int.from_bytes(response[number], "little") for number in (0x1021, 0x1022))
    return completed, failed


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, (1, 0)),
        ({"e0900": short(0xA700)}, (0, 1)),
        ({"e0100": short(0x8030)}, (0, 1)),  # an answer to a C-ECHO
        ({"e1000": b"1.2.3.9\0"}, (0, 1)),  # of another object
    ],
)
def test_only_what_answers_an_object_counts_it_as_stored(
    hospital: Hospital, changes: dict[str, bytes], counts: tuple[int, int]
) -> None:
    with raw_peer(hospital.peer) as peer:
        _, request = _get(peer)
        peer.send(_stored(request, **changes))
        assert _counts(peer.response()) == counts
        peer.send(ABORT)


def test_who_asks_to_leave_in_the_midst_of_a_retrieval_is_let_go(hospital: Hospital) -> None:
    with raw_peer(hospital.peer) as peer:
        _get(peer)
        peer.release()


def test_who_answers_no_object_is_not_asked_about_each_of_them(tmp_path: Path) -> None:
    """A study may have thousands, each of which would be waited for as long."""
    with running_hospital(tmp_path, idle_timeout=2.0) as alone, raw_peer(alone.peer) as peer:
        _get(peer)
        assert peer.answer()[0] == ABORTED


@pytest.mark.parametrize("title", [b"NOWHERE\0", b"NOWHERE ", b"\0NOWHERE"])
def test_a_move_destination_padded_by_nul_is_who_it_says(hospital: Hospital, title: bytes) -> None:
    move = str(StudyRootQueryRetrieveInformationModelMove).encode()
    offered = item(0x10, APPLICATION_CONTEXT) + context(1, move) + USER_INFORMATION
    elements = {0x0002: move + b"\0" * (len(move) % 2), 0x0100: short(0x0021), 0x0110: short(5)}
    asks = command(elements | {0x0600: title, 0x0700: short(0), 0x0800: short(1)})
    uid = f"{ROOT}.1".encode()
    uid += b"\0" * (len(uid) % 2)
    keys = b"\x08\0\x52\0CS\x06\0STUDY " + b"\x20\0\x0d\0UI" + short(len(uid)) + uid
    with raw_peer(hospital.peer) as peer:
        peer.open(associate_rq(calling=READER.encode().ljust(16), items=offered))
        peer.send(data_tf(fragment(asks, of_command=True), fragment(keys, of_command=False)))
        assert peer.status() == (5, 0xA702)  # known, and not there
        peer.release()
