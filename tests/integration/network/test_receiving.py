"""Real senders, real objects: stored byte by byte, refused with a reason, never a crash."""

import hashlib
import logging
import os
import signal
import threading
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, JPEGLSLossless

from dicom_node.archive.header import read_header
from dicom_node.archive.part10 import decode_head
from dicom_node.archive.reading import iter_objects
from dicom_node.domain.reception import AssociationEnd, UnreadableDatasetError
from dicom_node.network.access import Refusal
from dicom_node.network.events import (
    AssociationOpened,
    AssociationRefused,
    InstanceReceived,
    ObjectRefused,
)
from dicom_node.network.status import NOT_WHOLE
from tests.peers import dcmtk, node
from tests.peers.data import dicom_files, dicom_folder
from tests.peers.node import MODALITY, PACS, Reception
from tests.peers.objects import (
    CR_IMAGE,
    dataset_bytes,
    encoded,
    make_dataset,
    write_part10,
)
from tests.peers.raw_scu import associate, raw_scu, rejection


def received(reception: Reception, count: int) -> list[InstanceReceived]:
    return reception.recorder.wait_for(InstanceReceived, count)


def uid_of(path: Path) -> str:
    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def malformed_dataset(path: Path) -> bytes:
    """Return what a careless sender would send of a broken file."""
    data = path.read_bytes()
    try:
        return data[decode_head(data)[1] :]
    except UnreadableDatasetError:
        return data


def store_one(reception: Reception, number: int = 1, calling: str = MODALITY) -> tuple[int, str]:
    dataset = make_dataset(number)
    with raw_scu(reception.peer, calling) as scu:
        return scu.store(
            encoded(dataset), sop_instance=dataset.SOPInstanceUID, syntax=ExplicitVRLittleEndian
        )


@pytest.mark.peer
def test_dcmtk_sends_every_real_object_and_the_bytes_on_disk_are_those_sent(
    reception: Reception, dcmtk_storescp: dcmtk.StoreScp
) -> None:
    """DCMTK writes sequences anew when it sends, so its own bit-preserving SCP is the measure."""
    sources = dicom_files("received")
    for peer in (reception.peer, dcmtk_storescp.peer):
        sent = dcmtk.dcmsend(peer, sources, calling=MODALITY)
        assert sent.returncode == 0, sent.stderr

    events = received(reception, len(sources))
    # One object is there twice, with other bytes under the same UID: storescp keeps the later one.
    assert sum(event.instance.conflict for event in events) == 1
    stored = {event.instance.sop_instance_uid: event.instance for event in events}
    by_uid = {uid_of(path): path for path in dcmtk_storescp.files()}
    assert stored.keys() == by_uid.keys() == {uid_of(path) for path in sources}
    for uid, reference in by_uid.items():
        data = dataset_bytes(reference)
        assert dataset_bytes(reception.archive.path(stored[uid])) == data
        assert stored[uid].digest == hashlib.sha256(data).hexdigest()
        assert stored[uid].calling_ae == MODALITY
    read_back = {each.path: each for each in iter_objects(reception.archive, verify=True)}
    same = read_back == {event.instance.path: event.instance for event in events}
    assert same  # without a diff: these are real headers


@pytest.mark.peer
def test_dcmtk_sends_a_whole_ct_over_one_association(reception: Reception) -> None:
    folder = dicom_folder("ct-nlst")
    count = len(list(folder.iterdir()))

    sent = dcmtk.storescu(reception.peer, [folder], calling=MODALITY, options=["-xt"])

    assert sent.returncode == 0, sent.stderr
    (closed,) = reception.closed()
    events = received(reception, count)
    assert len({event.instance.sop_instance_uid for event in events}) == count
    assert {event.instance.transfer_syntax_uid for event in events} == {JPEGLSLossless}
    assert {event.association_id for event in events} == {closed.ended.association_id}
    assert closed.ended.end is AssociationEnd.RELEASED


@pytest.mark.peer
def test_dcmtk_verifies_the_node(reception: Reception) -> None:
    assert dcmtk.echoscu(reception.peer, calling=MODALITY).returncode == 0
    assert dcmtk.echoscu(reception.peer, calling=PACS).returncode == 0


def test_broken_objects_are_stored_or_refused_and_nothing_is_lost(reception: Reception) -> None:
    sop_class = "1.2.840.10008.5.1.4.1.1.2"
    for number, path in enumerate(dicom_files("malformed")):
        data = malformed_dataset(path)
        with raw_scu(reception.peer, MODALITY, [(sop_class, ExplicitVRLittleEndian)]) as scu:
            status, comment = scu.store(
                data,
                sop_class=sop_class,
                sop_instance=f"1.2.3.{number}",
                syntax=ExplicitVRLittleEndian,
            )
        # None of them is the announced instance, so all are refused, each with its reason.
        assert status in (0xA900, 0xC001, 0xC002), path.name
        assert comment
        refused = reception.recorder.wait_for(ObjectRefused, number + 1)[-1]
        assert refused.status == status
        assert refused.kept_as is not None
        kept = (reception.archive.root / refused.kept_as).read_bytes()
        assert kept.endswith(data), path.name
        assert kept.startswith(bytes(128) + b"DICM"), path.name
    assert reception.pool.ready()
    assert store_one(reception)[0] == 0x0000


def test_an_object_that_ends_within_an_element_is_stored_and_said_to_be_so(
    reception: Reception,
) -> None:
    dataset = make_dataset(4711)
    data = encoded(dataset)
    with raw_scu(reception.peer, MODALITY) as scu:
        answers = [
            scu.store(
                sent,
                sop_instance=dataset.SOPInstanceUID,
                syntax=ExplicitVRLittleEndian,
            )
            for sent in (data[:-2], data)
        ]
    assert [status for status, _ in answers] == [0xB007, 0x0000]
    assert "ends within an element" in answers[0][1]
    stored = reception.recorder.wait_for(InstanceReceived, 2)
    assert [each.instance.size for each in stored[-2:]] == [len(data) - 2, len(data)]


def test_broken_objects_announced_as_what_they_are_never_end_the_receiver(
    reception: Reception,
) -> None:
    pids = reception.pool.pids
    for path in dicom_files("malformed"):
        data = malformed_dataset(path)
        try:
            found = read_header(data, ExplicitVRLittleEndian)
        except UnreadableDatasetError:
            continue
        pairs = [(found.sop_class_uid, ExplicitVRLittleEndian)]
        with raw_scu(reception.peer, MODALITY, pairs) as scu:
            status, _ = scu.store(
                data,
                sop_class=found.sop_class_uid,
                sop_instance=found.sop_instance_uid,
                syntax=ExplicitVRLittleEndian,
            )
        assert status in (0x0000, NOT_WHOLE, 0xA900, 0xC001, 0xC002), path.name
    assert reception.pool.pids == pids


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"StudyInstanceUID": None}, 0xC002, "StudyInstanceUID"),
        ({"SeriesInstanceUID": ""}, 0xC002, "SeriesInstanceUID"),
        ({"SOPInstanceUID": "1.2.3.4"}, 0xA900, "SOPInstanceUID"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2"}, 0xA900, "SOPClassUID"),
    ],
)
def test_an_object_that_cannot_be_filed_is_refused_with_the_reason(
    reception: Reception, change: dict[str, str | None], status: int, word: str
) -> None:
    dataset = make_dataset(1, **change)
    with raw_scu(reception.peer, MODALITY) as scu:
        answer = scu.store(
            encoded(dataset),
            sop_instance=make_dataset(1).SOPInstanceUID,
            syntax=ExplicitVRLittleEndian,
        )
        following = make_dataset(2)
        assert scu.store(
            encoded(following),
            sop_instance=following.SOPInstanceUID,
            syntax=ExplicitVRLittleEndian,
        ) == (0x0000, "")

    assert answer[0] == status
    assert word in answer[1]
    assert len(reception.recorder.wait_for(ObjectRefused)) == 1


def test_uids_on_the_wire_cannot_leave_the_archive(reception: Reception) -> None:
    data = encoded(make_dataset(StudyInstanceUID="1.2.3.4.5.6.7.8")).replace(
        b"1.2.3.4.5.6.7.8\0", b"../../../../evil"
    )
    with raw_scu(reception.peer, MODALITY) as scu:
        status, _ = scu.store(
            data, sop_instance=make_dataset().SOPInstanceUID, syntax=ExplicitVRLittleEndian
        )

    assert status == 0x0000
    (event,) = received(reception, 1)
    root = reception.archive.root.resolve()
    assert reception.archive.path(event.instance).resolve().is_relative_to(root)
    assert not list(root.parent.glob("**/evil"))


def test_the_same_object_again_is_a_duplicate_and_another_with_its_uid_a_conflict(
    reception: Reception,
) -> None:
    variants = [make_dataset(), make_dataset(), make_dataset(BodyPartExamined="HIP")]
    with raw_scu(reception.peer, MODALITY) as scu:
        for dataset in variants:
            assert scu.store(
                encoded(dataset),
                sop_instance=dataset.SOPInstanceUID,
                syntax=ExplicitVRLittleEndian,
            ) == (0x0000, "")

    events = received(reception, 3)
    assert [event.duplicate for event in events] == [False, True, False]
    assert [event.instance.conflict for event in events] == [False, False, True]
    assert events[0].instance == events[1].instance
    assert len(list(iter_objects(reception.archive))) == 2


@pytest.mark.parametrize(
    "sop_class", ["1.3.12.2.1107.5.9.1", "1.2.840.10008.5.1.4.1.1.5", "1.2.826.0.1.3680043.99.1"]
)
def test_private_and_retired_storage_classes_are_stored(
    reception: Reception, sop_class: str
) -> None:
    datasets = [make_dataset(number, SOPClassUID=sop_class) for number in (1, 2)]
    with raw_scu(reception.peer, MODALITY, [(sop_class, ExplicitVRLittleEndian)]) as scu:
        for dataset in datasets:
            assert scu.store(
                encoded(dataset),
                sop_class=sop_class,
                sop_instance=dataset.SOPInstanceUID,
                syntax=ExplicitVRLittleEndian,
            ) == (0x0000, "")

    assert {event.instance.sop_class_uid for event in received(reception, 2)} == {sop_class}


@pytest.mark.peer
@pytest.mark.parametrize(
    ("calling", "called", "refusal"),
    [
        ("STRANGER", "AINODE", Refusal.CALLING_AE_UNKNOWN),
        (MODALITY, "OTHER", Refusal.CALLED_AE_UNKNOWN),
    ],
)
def test_dcmtk_is_told_which_ae_title_is_wrong(
    reception: Reception,
    caplog: pytest.LogCaptureFixture,
    calling: str,
    called: str,
    refusal: Refusal,
) -> None:
    words = {
        Refusal.CALLING_AE_UNKNOWN: "Calling AE Title Not Recognized",
        Refusal.CALLED_AE_UNKNOWN: "Called AE Title Not Recognized",
    }
    peer = dcmtk.Peer(ae_title=called, port=reception.peer.port)

    with caplog.at_level(logging.WARNING):
        answer = dcmtk.echoscu(peer, calling=calling)
        (event,) = reception.recorder.wait_for(AssociationRefused)

    assert answer.returncode != 0
    assert "Rejected Permanent" in answer.stderr
    assert words[refusal] in answer.stderr
    assert (event.calling_ae, event.called_ae, event.refusal) == (calling, called, refusal)
    assert reception.recorder.of(AssociationOpened) == []
    lines = [record for record in caplog.records if "association.refused" in record.message]
    assert len(lines) == 1
    assert f"reason={refusal.name.lower()}" in lines[0].message


@pytest.mark.peer
def test_a_pacs_that_may_only_verify_cannot_store(reception: Reception, tmp_path: Path) -> None:
    path = write_part10(tmp_path / "object.dcm", make_dataset())

    answer = dcmtk.dcmsend(reception.peer, [path], calling=PACS)

    assert answer.returncode != 0
    (event,) = reception.recorder.wait_for(AssociationRefused)
    assert event.refusal is Refusal.OPERATION_NOT_PERMITTED
    assert list(iter_objects(reception.archive)) == []


def test_what_is_not_permitted_is_not_offered_beside_what_is(reception: Reception) -> None:
    pairs = [(CR_IMAGE, ExplicitVRLittleEndian), ("1.2.840.10008.1.1", ExplicitVRLittleEndian)]

    association = associate(reception.peer, PACS, pairs)

    try:
        assert [str(each.abstract_syntax) for each in association.accepted_contexts] == [
            "1.2.840.10008.1.1"
        ]
    finally:
        association.release()


def test_a_new_ae_title_may_store_at_once_in_a_running_node(tmp_path: Path) -> None:
    table = tmp_path / "titles"
    table.write_text("")
    with node.reception(tmp_path / "archive", access=node.FileAccessFactory(table)) as running:
        assert rejection(running.peer, "NEW") == Refusal.CALLING_AE_UNKNOWN.value

        table.write_text("NEW\n")
        assert store_one(running, calling="NEW")[0] == 0x0000

        table.unlink()
        assert rejection(running.peer, "NEW") == Refusal.ACCESS_UNDECIDED.value
        refusals = [event.refusal for event in running.recorder.wait_for(AssociationRefused, 2)]

    assert refusals == [Refusal.CALLING_AE_UNKNOWN, Refusal.ACCESS_UNDECIDED]


def test_senders_at_once_are_spread_over_the_receivers(tmp_path: Path) -> None:
    with node.reception(tmp_path / "archive", receivers=2) as running:
        associations = [associate(running.peer, MODALITY) for _ in range(6)]
        running.recorder.wait_for(AssociationOpened, 6)
        spread = sorted(running.pool._counts.associations)
        for association in associations:
            association.release()
        running.closed(6)

    assert spread == [3, 3]


@pytest.mark.peer
def test_four_senders_at_once_lose_nothing(tmp_path: Path) -> None:
    sources = dicom_files("ct-nlst")[:24]
    with node.reception(tmp_path / "archive", receivers=2) as running:
        senders = [
            threading.Thread(
                target=dcmtk.storescu,
                args=(running.peer, sources[part::4]),
                kwargs={"calling": MODALITY, "options": ["-xt"]},
            )
            for part in range(4)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        running.closed(4)
        stored = received(running, len(sources))

    assert len({event.instance.sop_instance_uid for event in stored}) == len(sources)


def test_ctrl_c_in_the_terminal_does_not_end_the_receivers(reception: Reception) -> None:
    for pid in reception.pool.pids:
        os.kill(pid, signal.SIGINT)

    assert store_one(reception)[0] == 0x0000
