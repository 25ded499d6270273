"""Studies are pulled from a real Orthanc byte by byte."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.archive.errors import NotInArchiveError, RemoteArchiveError
from dicom_node.archive.orthanc import OrthancArchive
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from tests.peers.objects import dataset_bytes, make_dataset, write_part10
from tests.peers.orthanc import PASSWORD, USER, Orthanc
from tests.peers.process import free_port

pytestmark = pytest.mark.peer
STUDY = "1.2.826.0.1.3680043.3.77"


def test_pulls_a_study_into_the_archive(plain_orthanc: Orthanc, tmp_path: Path) -> None:
    paths = [
        write_part10(tmp_path / f"{number}.dcm", make_dataset(number, StudyInstanceUID=STUDY))
        for number in (701, 702)
    ]
    for path in paths:
        plain_orthanc.upload(path)
    archive = StorageArchive(ArchiveSettings(root=tmp_path / "archive"))
    archive.open()

    with OrthancArchive(plain_orthanc.url, USER, PASSWORD) as remote:
        assert remote.ping().startswith("1.")
        stored = [
            archive.store_part10(
                data, calling_ae="ORTHANC", called_ae="AINODE", received_at=datetime.now(UTC)
            )
            for data in remote.instances_of_study(STUDY)
        ]

    arrived = {each.instance.sop_instance_uid: each.instance for each in stored}
    for path in paths:
        instance = arrived[str(dcmread(path).SOPInstanceUID)]
        assert dataset_bytes(archive.path(instance)) == dataset_bytes(path)


def test_a_study_that_is_not_there_is_said_to_be_absent(plain_orthanc: Orthanc) -> None:
    with (
        OrthancArchive(plain_orthanc.url, USER, PASSWORD) as remote,
        pytest.raises(NotInArchiveError),
    ):
        list(remote.instances_of_study("1.2.3.4.5"))


def test_a_wrong_password_is_an_error_without_the_answer(plain_orthanc: Orthanc) -> None:
    with (
        OrthancArchive(plain_orthanc.url, USER, "wrong") as remote,
        pytest.raises(RemoteArchiveError, match=str(plain_orthanc.http_port)),
    ):
        remote.ping()


def test_nobody_there_is_an_error() -> None:
    with (
        OrthancArchive(f"http://127.0.0.1:{free_port()}") as remote,
        pytest.raises(RemoteArchiveError),
    ):
        remote.ping()
