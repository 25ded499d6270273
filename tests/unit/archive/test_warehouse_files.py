"""Validated images are filed by device, once, and outlive the files that they came from."""

import errno
import os
from pathlib import Path

import pytest

from dicom_node.archive.errors import NotInArchiveError
from dicom_node.archive.warehouse_files import DeviceFolders
from dicom_node.domain.device import device_of
from tests.unit.builders import an_instance

INSTANCE = an_instance("1.2.3")
DEVICE = device_of(INSTANCE)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "received.dcm"
    path.write_bytes(b"image")
    return path


@pytest.fixture
def folders(tmp_path: Path, source: Path) -> DeviceFolders:
    return DeviceFolders(tmp_path / "warehouse", lambda _: source)


@pytest.mark.parametrize("path", ["/etc/passwd", "../x.dcm", "a/../../x.dcm", "a\0b"])
def test_a_path_of_a_record_that_leads_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    files = DeviceFolders(tmp_path, lambda relative: tmp_path / relative)
    with pytest.raises(NotInArchiveError):
        files.path(path)


def test_an_image_lies_under_its_device_and_stays(folders: DeviceFolders, source: Path) -> None:
    relative = folders.keep(DEVICE, INSTANCE)
    assert relative.startswith(f"{DEVICE.device_id}/")
    source.unlink()
    assert folders.path(relative).read_bytes() == b"image"
    assert folders.keep(DEVICE, INSTANCE) == relative


def test_a_file_that_is_gone_is_said_to_be(folders: DeviceFolders, source: Path) -> None:
    source.unlink()
    assert folders.keep(DEVICE, INSTANCE) == ""


def test_on_another_file_system_the_bytes_are_copied(
    folders: DeviceFolders, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", no_links)
    path = folders.path(folders.keep(DEVICE, INSTANCE))
    assert path.read_bytes() == b"image"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
