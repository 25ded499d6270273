"""The archive can be read back: the index can be rebuilt from nothing but the files."""

import errno
import logging
import os
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ai_engine.errors import ImageRefusedError
from dicom_node.archive.errors import NotInArchiveError
from dicom_node.archive.objects import DicomObjects
from dicom_node.archive.reading import iter_objects, read_instance
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import ArchiveAwayError, UnreadableDatasetError
from dicom_node.models.appearance import read_image
from tests.peers.data import dicom_files
from tests.peers.objects import RECEIVED_AT, announcement, encoded, make_dataset


@pytest.fixture
def archive(tmp_path: Path) -> StorageArchive:
    opened = StorageArchive(ArchiveSettings(root=tmp_path / "archive", durable=False))
    opened.open()
    return opened


def store(archive: StorageArchive, number: int, **announced: object) -> ReceivedInstance:
    dataset = make_dataset(number)
    return archive.store(encoded(dataset), announcement(dataset, **announced)).instance


def test_reads_back_exactly_what_storing_reported(archive: StorageArchive) -> None:
    stored = [
        store(archive, 1),
        store(archive, 2, calling_ae="CT 1", called_ae="OTHER"),
        store(archive, 3, received_at=RECEIVED_AT + timedelta(days=1, microseconds=7)),
    ]
    changed = make_dataset(1, BodyPartExamined="HIP")
    stored.append(archive.store(encoded(changed), announcement(changed)).instance)

    by_path = sorted(stored, key=lambda instance: instance.path)

    assert sorted(iter_objects(archive, verify=True), key=lambda each: each.path) == by_path


def test_reads_back_real_objects(archive: StorageArchive) -> None:
    stored = [
        archive.store_part10(
            path.read_bytes(), calling_ae="PACS", called_ae="AINODE", received_at=RECEIVED_AT
        ).instance
        for path in dicom_files("received")
    ]

    read_back = {each.path: each for each in iter_objects(archive)}
    same = read_back == {each.path: each for each in stored}
    assert same  # without a diff: these are real headers


def test_reads_the_oldest_first_whatever_device_it_came_from(archive: StorageArchive) -> None:
    """An index that is cut off while it is read in goes on a day before its newest object."""
    days = [timedelta(days=each) for each in range(3)]
    newest = store(archive, 1, calling_ae="CT 1", received_at=RECEIVED_AT + days[2])
    oldest = store(archive, 2, calling_ae="PACS", received_at=RECEIVED_AT)
    middle = store(archive, 3, calling_ae="CT 1", received_at=RECEIVED_AT + days[1])

    assert list(iter_objects(archive)) == [oldest, middle, newest]


def test_begins_at_a_day(archive: StorageArchive) -> None:
    store(archive, 1)
    later = store(archive, 2, received_at=RECEIVED_AT + timedelta(days=2))

    since = (RECEIVED_AT + timedelta(days=1)).date()

    assert list(iter_objects(archive, since)) == [later]


def test_leaves_out_refused_objects_and_half_written_ones(archive: StorageArchive) -> None:
    archive.refuse(b"x" * 99, announcement(make_dataset()), status=0xC001, reason="x")
    (archive.root / ".incoming" / "half.dcm").write_bytes(b"half")

    assert list(iter_objects(archive)) == []


def test_one_damaged_file_does_not_hide_the_others(
    archive: StorageArchive, caplog: pytest.LogCaptureFixture
) -> None:
    kept = store(archive, 1)
    for number, damage in ((2, b""), (3, b"x" * 500)):
        archive.path(store(archive, number)).write_bytes(damage)

    with caplog.at_level(logging.WARNING):
        assert list(iter_objects(archive)) == [kept]

    assert caplog.text.count("archive.unreadable") == 2


def test_verification_finds_a_changed_byte(archive: StorageArchive) -> None:
    instance = store(archive, 1)
    path = archive.path(instance)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    read_instance(archive, instance.path)
    with pytest.raises(UnreadableDatasetError, match="not the one that was received"):
        read_instance(archive, instance.path, verify=True)


def test_says_what_is_not_there(archive: StorageArchive) -> None:
    with pytest.raises(NotInArchiveError):
        read_instance(archive, "A/20260101/1/1/1.dcm")


@pytest.mark.slow
@given(st.integers(0, 2**50))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_time_of_reception_is_kept_to_the_microsecond(
    archive: StorageArchive, microseconds: int
) -> None:
    received_at = RECEIVED_AT + timedelta(microseconds=microseconds)
    instance = archive.store(
        encoded(make_dataset(1, SeriesDescription=str(microseconds))),
        announcement(make_dataset(1), received_at=received_at),
    ).instance

    assert read_instance(archive, instance.path).received_at == received_at


def test_the_header_of_a_deflated_object_that_breaks_off_is_read(archive: StorageArchive) -> None:
    pixels = np.random.default_rng(1).bytes(64 * 64)
    dataset = make_dataset(1, Rows=64, Columns=64, PixelData=pixels)
    cut = encoded(dataset, DeflatedExplicitVRLittleEndian)[:-1000]
    syntax = str(DeflatedExplicitVRLittleEndian)
    stored = archive.store(cut, announcement(dataset, transfer_syntax_uid=syntax)).instance
    objects = DicomObjects(
        received=archive, evidence=archive, ae_title="AINODE", clock=lambda: RECEIVED_AT
    )
    header = objects.source(stored.path)
    assert (header.SOPInstanceUID, header.Rows) == (dataset.SOPInstanceUID, 64)
    assert "PixelData" not in header
    with pytest.raises(ImageRefusedError, match="damaged"):
        read_image(objects.source_path(stored.path))


def test_an_object_that_is_gone_with_the_whole_archive_is_waited_for(
    archive: StorageArchive,
) -> None:
    dataset = make_dataset(1)
    stored = archive.store(encoded(dataset), announcement(dataset)).instance
    objects = DicomObjects(
        received=archive, evidence=archive, ae_title="AINODE", clock=lambda: RECEIVED_AT
    )
    away = archive.root.rename(archive.root.with_name("away"))
    archive.root.mkdir()  # as a mount point is without its share
    with pytest.raises(ArchiveAwayError, match="not mounted"):
        objects.source(stored.path)
    archive.root.rmdir()
    away.rename(archive.root)
    assert objects.source(stored.path).SOPInstanceUID == dataset.SOPInstanceUID
    objects.source_path(stored.path).unlink()
    with pytest.raises(FileNotFoundError):
        objects.source(stored.path)


def test_an_archive_whose_share_answers_with_errors_is_waited_for(
    archive: StorageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network share without its server says neither yes nor no; no file system here does so."""
    objects = DicomObjects(
        received=archive, evidence=archive, ae_title="AINODE", clock=lambda: RECEIVED_AT
    )

    def stale(_path: Path, **_how: bool) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(Path, "stat", stale)
    with pytest.raises(ArchiveAwayError, match="Stale"):
        objects.source_path("2026/1.dcm")
    with pytest.raises(ArchiveAwayError, match="Stale"):
        archive.require_here()
