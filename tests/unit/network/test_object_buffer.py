"""An unfinished object takes little memory, whatever its size; one that is too large takes none."""

from pathlib import Path

import pytest

from dicom_node.network.object_buffer import IN_MEMORY, BoundedBuffer, ObjectLimits

FRAGMENT = bytes(range(256)) * 4096  # a megabyte


def filled(limits: ObjectLimits, megabytes: int) -> BoundedBuffer:
    buffer = BoundedBuffer(limits)
    for _ in range(megabytes):
        assert buffer.write(memoryview(FRAGMENT)) == len(FRAGMENT)
    return buffer


@pytest.mark.parametrize("megabytes", [1, 16, 17, 40])
def test_what_comes_out_is_what_went_in(tmp_path: Path, megabytes: int) -> None:
    buffer = filled(ObjectLimits(max_bytes=2**30, folder=str(tmp_path)), megabytes)
    assert buffer.is_on_disk == (megabytes * len(FRAGMENT) > IN_MEMORY)
    assert bytes(buffer.getbuffer()) == FRAGMENT * megabytes
    assert not list(tmp_path.iterdir()), "the file has no name that could be left behind"


def test_a_large_one_leaves_the_memory(tmp_path: Path) -> None:
    buffer = filled(ObjectLimits(max_bytes=2**30, folder=str(tmp_path)), 17)
    assert buffer.getvalue() == b""


def test_without_a_folder_it_stays_in_memory() -> None:
    buffer = filled(ObjectLimits(max_bytes=2**30), 17)
    assert not buffer.is_on_disk
    assert len(buffer.getbuffer()) == 17 * len(FRAGMENT)


@pytest.mark.parametrize("limit", [4, 20])
def test_one_that_is_too_large_is_dropped_and_counted(tmp_path: Path, limit: int) -> None:
    limits = ObjectLimits(max_bytes=limit * len(FRAGMENT), folder=str(tmp_path))
    buffer = filled(limits, 30)
    assert buffer.overflowed
    assert buffer.size == 30 * len(FRAGMENT)
    assert len(buffer.getbuffer()) == 0
    assert not buffer.is_on_disk


def test_a_disk_that_takes_nothing_loses_the_object_and_not_the_association(
    tmp_path: Path,
) -> None:
    buffer = filled(ObjectLimits(max_bytes=2**30, folder=str(tmp_path / "not there")), 20)
    assert buffer.is_lost
    assert len(buffer.getbuffer()) == 0
