"""An object that comes in pieces is stored as one that came whole, and leaves nothing otherwise."""

import errno
from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.reception import (
    IdentifierMismatchError,
    ObjectTooLargeError,
    OutOfSpaceError,
    StoredObject,
    WriteError,
)
from dicom_node.network.received_object import PIECE_BYTES, Pieces, ReceivedObject
from tests.peers.objects import announcement, dataset_bytes, encoded, make_dataset

_SIZES = [1_000, PIECE_BYTES - 300, PIECE_BYTES, 3 * PIECE_BYTES + 17]


@pytest.fixture
def archive(tmp_path: Path) -> StorageArchive:
    opened = StorageArchive(ArchiveSettings(root=tmp_path / "archive"))
    opened.open()
    return opened


def received(
    archive: StorageArchive, dataset: Dataset, *, announced: Dataset | None = None, **limits: int
) -> ReceivedObject:
    """Return an object whose bytes have come, some by copies and some read into its room."""
    data = memoryview(encoded(dataset))
    taken = ReceivedObject(
        Pieces(),
        store=archive,
        announced=announcement(announced or dataset),
        max_bytes=limits.get("max_bytes", 2**30),
    )
    taken.write(data[:70_001])
    rest = data[70_001:]
    while rest:
        room = taken.room()[:131_072]
        count = min(len(room), len(rest))
        room[:count] = rest[:count]
        taken.advance(count)
        rest = rest[count:]
    return taken


def stored(archive: StorageArchive, dataset: Dataset) -> StoredObject:
    taken = received(archive, dataset)
    try:
        return taken.store(announcement(dataset))
    finally:
        taken.close()


def files(archive: StorageArchive) -> list[Path]:
    return [path for path in archive.root.rglob("*") if path.is_file()]


@pytest.mark.parametrize("named", [False, True], ids=["without a name", "with a name"])
@pytest.mark.parametrize("size", _SIZES)
def test_is_stored_as_one_that_came_whole(
    archive: StorageArchive,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    named: bool,
) -> None:
    if named:  # as on file systems that know no files without one
        monkeypatch.setattr("dicom_node.archive.durable._WITHOUT_NAME", 0)
        archive = StorageArchive(archive.settings)
    dataset = make_dataset(PixelData=bytes(range(256)) * (size // 256) + bytes(size % 256))
    other = StorageArchive(ArchiveSettings(root=tmp_path / "other"))
    other.open()
    whole = other.store(encoded(dataset), announcement(dataset))

    assert stored(archive, dataset) == whole
    assert archive.path(whole.instance).read_bytes() == other.path(whole.instance).read_bytes()
    assert stored(archive, dataset).duplicate
    assert files(archive) == [archive.path(whole.instance)]


def test_other_bytes_of_one_uid_lie_beside_the_first(archive: StorageArchive) -> None:
    first = make_dataset(PixelData=bytes(3 * PIECE_BYTES))
    second = make_dataset(PixelData=b"\1" * 3 * PIECE_BYTES)

    assert not stored(archive, first).instance.conflict
    later = stored(archive, second).instance
    assert later.conflict
    assert dataset_bytes(archive.path(later)) == encoded(second)


@pytest.mark.parametrize("size", [1_000, 3 * PIECE_BYTES])
def test_one_that_is_not_the_announced_one_is_kept_with_the_reason(
    archive: StorageArchive, size: int
) -> None:
    dataset, announced = make_dataset(1, PixelData=bytes(size)), make_dataset(2)
    taken = received(archive, dataset, announced=announced)

    with pytest.raises(IdentifierMismatchError):
        taken.store(announcement(announced))
    kept = taken.refuse(announcement(announced), status=0xA900, reason="another instance")
    taken.close()

    assert kept is not None
    assert dataset_bytes(archive.root / kept) == encoded(dataset)
    assert len(files(archive)) == 2


@pytest.mark.parametrize("limit", [100_000, 2 * PIECE_BYTES])
def test_one_that_is_too_large_is_dropped_and_counted(archive: StorageArchive, limit: int) -> None:
    dataset = make_dataset(PixelData=bytes(4 * PIECE_BYTES))
    taken = received(archive, dataset, max_bytes=limit)

    with pytest.raises(ObjectTooLargeError):
        taken.store(announcement(dataset))
    assert taken.refuse(announcement(dataset), status=0xA701, reason="too large") is None
    taken.close()

    assert taken.size == len(encoded(dataset))
    assert files(archive) == []


def test_a_disk_that_is_full_refuses_it_and_takes_the_rest(tmp_path: Path) -> None:
    archive = StorageArchive(ArchiveSettings(root=tmp_path / "archive", min_free_bytes=2**62))
    archive.open()
    dataset = make_dataset(PixelData=bytes(3 * PIECE_BYTES))
    taken = received(archive, dataset)

    with pytest.raises(OutOfSpaceError):
        taken.store(announcement(dataset))
    taken.close()
    assert files(archive) == []


@pytest.mark.parametrize("named", [False, True], ids=["without a name", "with a name"])
def test_nothing_is_left_of_one_whose_end_never_comes(
    archive: StorageArchive, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    if named:
        monkeypatch.setattr("dicom_node.archive.durable._WITHOUT_NAME", 0)
        archive = StorageArchive(archive.settings)
    taken = received(archive, make_dataset(PixelData=bytes(3 * PIECE_BYTES)))
    assert len(files(archive)) == named

    taken.close()

    assert files(archive) == []


def test_one_that_cannot_be_read_back_is_refused_for_that_reason(
    archive: StorageArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_arguments: object, **_options: object) -> None:
        raise OSError(errno.ENOMEM, "no memory")

    dataset = make_dataset(PixelData=bytes(3 * PIECE_BYTES))
    taken = received(archive, dataset)
    monkeypatch.setattr("dicom_node.archive.durable.mmap.mmap", no_memory)

    with pytest.raises(WriteError, match="no memory"):
        taken.store(announcement(dataset))
    assert taken.refuse(announcement(dataset), status=0x0110, reason="no memory") is None
    taken.close()


def test_the_memory_of_one_is_the_next_ones() -> None:
    pieces = Pieces()
    first = pieces.take()
    second = pieces.take()
    assert first is not second

    pieces.give(first)

    assert pieces.take() is first
