"""The archive keeps every byte that it was given, once, and never replaces one."""

import errno
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicom_node.archive.durable import DurableFolder, modified_at
from dicom_node.archive.errors import NotInArchiveError
from dicom_node.archive.keeping import is_intact
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.reception import (
    ArchiveAwayError,
    IdentifierMismatchError,
    IdentifierMissingError,
    ObjectTooLargeError,
    OutOfSpaceError,
    UnreadableDatasetError,
    WriteError,
)
from tests.peers.objects import (
    RECEIVED_AT,
    announcement,
    dataset_bytes,
    encoded,
    make_dataset,
    write_part10,
)


@pytest.fixture
def archive(tmp_path: Path) -> StorageArchive:
    opened = StorageArchive(ArchiveSettings(root=tmp_path / "archive"))
    opened.open()
    return opened


def files(archive: StorageArchive) -> list[str]:
    paths = (path for path in archive.root.rglob("*") if path.is_file())
    return sorted(path.relative_to(archive.root).as_posix() for path in paths)


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian], ids=lambda uid: uid.keyword
)
def test_stores_the_bytes_as_they_came(archive: StorageArchive, syntax: str) -> None:
    dataset = make_dataset()
    data = encoded(dataset, syntax)

    stored = archive.store(data, announcement(dataset, transfer_syntax_uid=syntax))

    instance = stored.instance
    assert not stored.duplicate
    assert not instance.conflict
    assert instance.path == (
        "MODALITY/20260304/1.2.826.0.1.3680043.3.1/1.2.826.0.1.3680043.4.1"
        "/1.2.826.0.1.3680043.2.1.1.dcm"
    )
    assert dataset_bytes(archive.path(instance)) == data
    assert instance.size == len(data)
    assert dcmread(archive.path(instance)).PixelData == dataset.PixelData
    assert instance.header.body_part_examined == "CHEST"
    assert instance.received_at == RECEIVED_AT


def test_stores_the_same_bytes_once(archive: StorageArchive) -> None:
    dataset = make_dataset()
    first = archive.store(encoded(dataset), announcement(dataset))

    later = announcement(dataset, received_at=RECEIVED_AT.replace(hour=23))
    second = archive.store(encoded(dataset), later)

    assert second.duplicate
    assert second.instance == first.instance
    assert files(archive) == [first.instance.path]


def test_keeps_other_bytes_with_a_known_uid_beside_the_first(archive: StorageArchive) -> None:
    dataset, other = make_dataset(), make_dataset(BodyPartExamined="HIP")
    first = archive.store(encoded(dataset), announcement(dataset))

    second = archive.store(encoded(other), announcement(other))
    again = archive.store(encoded(other), announcement(other))

    assert second.instance.conflict
    assert not second.duplicate
    assert again.duplicate
    assert again.instance == second.instance
    assert dataset_bytes(archive.path(first.instance)) == encoded(dataset)
    assert dataset_bytes(archive.path(second.instance)) == encoded(other)
    assert len(files(archive)) == 2


def test_two_receivers_with_one_uid_at_once_lose_nothing(archive: StorageArchive) -> None:
    variants = [make_dataset(SeriesDescription=f"variant {number % 4}") for number in range(32)]
    receivers = [StorageArchive(archive.settings) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        stored = list(
            pool.map(
                lambda numbered: receivers[numbered[0] % 8].store(
                    encoded(numbered[1]), announcement(numbered[1])
                ),
                enumerate(variants),
            )
        )

    kept = {dataset_bytes(archive.path(path)) for path in files(archive)}
    assert kept == {encoded(variant) for variant in variants}
    assert len(files(archive)) == 4
    assert sum(not each.duplicate for each in stored) == 4
    assert sum(not each.instance.conflict and not each.duplicate for each in stored) == 1


@pytest.fixture(params=["O_TMPFILE", "a name"])
def without_links(
    request: pytest.FixtureRequest, archive: StorageArchive, monkeypatch: pytest.MonkeyPatch
) -> StorageArchive:
    """An archive on a file system that gives no second names, nor nameless files perhaps."""

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refused)
    if request.param == "a name":
        opened = os.open

        def named_only(path: str, flags: int, *rest: int, **more: int) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                refused()
            return opened(path, flags, *rest, **more)

        monkeypatch.setattr(os, "open", named_only)
    return archive


def test_a_file_system_without_hard_links_keeps_objects_and_replaces_none(
    without_links: StorageArchive,
) -> None:
    announced = announcement(make_dataset())
    versions = [encoded(make_dataset()), encoded(make_dataset(BodyPartExamined="HIP"))]
    with ThreadPoolExecutor(8) as pool:
        stored = list(
            pool.map(lambda at: without_links.store(versions[at % 2], announced), range(16))
        )
    assert sum(not each.duplicate for each in stored) == 2
    assert sorted(each.instance.conflict for each in stored if not each.duplicate) == [False, True]
    for each in stored:
        path = without_links.path(each.instance)
        assert is_intact(path, each.instance.digest)
        assert modified_at(path) == announced.received_at
    assert list(without_links.root.glob(".incoming/*")) == []


def test_a_damaged_file_does_not_pass_for_a_duplicate(archive: StorageArchive) -> None:
    dataset = make_dataset()
    first = archive.store(encoded(dataset), announcement(dataset))
    archive.path(first.instance).write_bytes(b"")

    second = archive.store(encoded(dataset), announcement(dataset))

    assert not second.duplicate
    assert dataset_bytes(archive.path(second.instance)) == encoded(dataset)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("sop_class_uid", "1.2.840.10008.5.1.4.1.1.2"), ("sop_instance_uid", "1.2.3")],
)
def test_refuses_an_object_that_is_not_the_announced_one(
    archive: StorageArchive, keyword: str, value: str
) -> None:
    dataset = make_dataset()

    with pytest.raises(IdentifierMismatchError):
        archive.store(encoded(dataset), announcement(dataset, **{keyword: value}))

    assert files(archive) == []


def test_refuses_what_cannot_be_filed(archive: StorageArchive) -> None:
    dataset = make_dataset(StudyInstanceUID=None)

    with pytest.raises(IdentifierMissingError):
        archive.store(encoded(dataset), announcement(dataset))
    with pytest.raises(UnreadableDatasetError):
        archive.store(b"<html>not DICOM</html>" * 9, announcement(make_dataset()))

    assert files(archive) == []


def test_uids_cannot_leave_the_archive(archive: StorageArchive) -> None:
    data = encoded(make_dataset(StudyInstanceUID="1.2.3.4.5.6.7.8")).replace(
        b"1.2.3.4.5.6.7.8\0", b"../../../../evil"
    )

    stored = archive.store(data, announcement(make_dataset(), calling_ae="../.."))

    path = archive.path(stored.instance).resolve()
    assert path.is_relative_to(archive.root.resolve())
    assert len(path.relative_to(archive.root.resolve()).parts) == 5
    assert stored.instance.study_instance_uid == "../../../../evil"


def test_takes_nothing_when_the_disk_is_nearly_full(archive: StorageArchive) -> None:
    free = shutil.disk_usage(archive.root).free
    full = StorageArchive(replace(archive.settings, min_free_bytes=free * 2))
    dataset = make_dataset()

    with pytest.raises(OutOfSpaceError):
        full.store(encoded(dataset), announcement(dataset))

    assert full.refuse(b"x", announcement(dataset), status=0xA700, reason="full") is None
    assert files(archive) == []


def test_takes_nothing_larger_than_the_limit(archive: StorageArchive) -> None:
    dataset = make_dataset()
    size = len(encoded(dataset))
    exact = StorageArchive(replace(archive.settings, max_object_bytes=size))
    small = StorageArchive(replace(archive.settings, max_object_bytes=size - 1))

    with pytest.raises(ObjectTooLargeError):
        small.store(encoded(dataset), announcement(dataset))
    assert not exact.store(encoded(dataset), announcement(dataset)).duplicate


def test_says_so_when_the_folder_cannot_be_written(archive: StorageArchive) -> None:
    dataset = make_dataset()
    (archive.root / "MODALITY").write_text("a file where the device's folder should be")

    with pytest.raises(WriteError):
        archive.store(encoded(dataset), announcement(dataset))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.ESTALE, errno.EMFILE])
def test_an_archive_that_is_gone_or_fails_comes_back(
    archive: StorageArchive, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    dataset = make_dataset()

    def fails(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(DurableFolder, "place", fails)
        patch.setattr(DurableFolder, "begin", fails)
        with pytest.raises(ArchiveAwayError):
            archive.store(encoded(dataset), announcement(dataset))
        with pytest.raises(ArchiveAwayError):
            archive.begin(announcement(dataset))
    away = archive.root.rename(archive.root.with_name("away"))
    with pytest.raises(ArchiveAwayError, match="cannot be reached"):
        archive.store(encoded(dataset), announcement(dataset))
    away.rename(archive.root)
    assert not archive.store(encoded(dataset), announcement(dataset)).duplicate


def test_a_full_disk_found_while_writing_is_out_of_space(
    archive: StorageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(DurableFolder, "place", no_space)
    dataset = make_dataset()

    with pytest.raises(OutOfSpaceError):
        archive.store(encoded(dataset), announcement(dataset))


@pytest.mark.parametrize("level", range(4), ids=["series", "study", "day", "device"])
@pytest.mark.parametrize("series", ["1.2.826.0.1.3680043.4.1", "1.2.826.0.1.3680043.4.2"])
def test_stores_again_after_retention_removed_a_folder(
    archive: StorageArchive, level: int, series: str
) -> None:
    dataset, following = make_dataset(1), make_dataset(2, SeriesInstanceUID=series)
    first = archive.store(encoded(dataset), announcement(dataset))
    shutil.rmtree(archive.path(first.instance).parents[level])

    second = archive.store(encoded(following), announcement(following))

    assert files(archive) == [second.instance.path]


def test_every_file_and_folder_is_synchronised_before_store_returns(
    archive: StorageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    synchronised: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synchronised.append(path.relative_to(archive.root.resolve()).as_posix())
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    dataset = make_dataset()
    stored = archive.store(encoded(dataset), announcement(dataset))

    *folders, _ = Path(stored.instance.path).parts
    named = ["/".join(folders[:depth]) or "." for depth in range(len(folders))]
    data, *rest = synchronised
    assert data.startswith(".incoming/")
    assert rest == [*named, "/".join(folders)]
    synchronised.clear()
    another = make_dataset(2)
    archive.store(encoded(another), announcement(another))
    assert synchronised[1:] == ["/".join(folders)]


def test_opening_removes_what_a_crash_left_half_written(archive: StorageArchive) -> None:
    (archive.root / ".incoming" / "deadbeef.part").write_bytes(b"half an object")

    assert StorageArchive(archive.settings).open() == 1
    assert files(archive) == []


def test_a_refused_object_is_kept_once_with_its_reason(archive: StorageArchive) -> None:
    dataset = make_dataset(StudyInstanceUID=None)
    data = encoded(dataset)

    kept = [
        archive.refuse(data, announcement(dataset), status=0xC002, reason="no StudyInstanceUID")
        for _ in range(3)
    ]

    assert len(set(kept)) == 1
    assert kept[0] is not None
    assert dataset_bytes(archive.root / kept[0]) == data
    reason = json.loads((archive.root / kept[0]).with_suffix(".json").read_text())
    assert reason["status"] == "0xC002"
    assert reason["reason"] == "no StudyInstanceUID"
    assert reason["calling_ae"] == "MODALITY"
    assert reason["sop_instance_uid"] == dataset.SOPInstanceUID
    assert len(files(archive)) == 2


def test_refused_objects_have_a_bound(archive: StorageArchive) -> None:
    bounded = StorageArchive(replace(archive.settings, refused_limit_bytes=2000))
    announced = announcement(make_dataset())

    kept = [
        bounded.refuse(bytes([number]) * 600, announced, status=0xC001, reason="x")
        for number in range(6)
    ]

    assert kept[0] is not None
    assert kept[-1] is None
    assert sum(path.stat().st_size for path in bounded.root.rglob("*.dcm")) < 3000


def test_stores_a_part_10_file_under_its_own_head(archive: StorageArchive, tmp_path: Path) -> None:
    dataset = make_dataset()
    path = write_part10(tmp_path / "object.dcm", dataset)

    stored = archive.store_part10(
        path.read_bytes(), calling_ae="ORTHANC", called_ae="AINODE", received_at=RECEIVED_AT
    )

    read = dcmread(archive.path(stored.instance))
    assert dataset_bytes(archive.path(stored.instance)) == dataset_bytes(path)
    assert read.file_meta.SourceApplicationEntityTitle == "ORTHANC"


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.dcm", "A/../../x.dcm"])
def test_a_path_outside_the_archive_is_not_in_it(archive: StorageArchive, path: str) -> None:
    with pytest.raises(NotInArchiveError):
        archive.path(path)


def test_nothing_is_stored_below_the_mount_point_of_a_disk_that_was_unmounted(
    archive: StorageArchive,
) -> None:
    dataset, following = make_dataset(1), make_dataset(2)
    archive.store(encoded(dataset), announcement(dataset))
    away = archive.root.rename(archive.root.with_name("away"))
    archive.root.mkdir()  # as a mount point is without its disk
    with pytest.raises(ArchiveAwayError, match="is its disk mounted"):
        archive.store(encoded(following), announcement(following))
    with pytest.raises(ArchiveAwayError, match="is its disk mounted"):
        archive.begin(announcement(following))
    assert list(archive.root.iterdir()) == []

    archive.root.rmdir()
    away.rename(archive.root)
    archive.store(encoded(following), announcement(following))
    assert len(files(archive)) == 2


def test_the_folder_of_what_comes_in_is_made_again_where_it_alone_is_gone(
    archive: StorageArchive,
) -> None:
    dataset = make_dataset(1)
    shutil.rmtree(archive.root / ".incoming")
    archive.store(encoded(dataset), announcement(dataset))
    assert len(files(archive)) == 1
