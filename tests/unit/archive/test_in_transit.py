"""Folders for objects on their way: who uses one keeps it, and what nobody uses goes."""

from pathlib import Path

import pytest

from dicom_node.archive.in_transit import folder_in_transit


def test_folders_in_use_stand_beside_each_other_and_go_in_the_end(tmp_path: Path) -> None:
    with folder_in_transit(tmp_path) as one, folder_in_transit(tmp_path) as other:
        assert one != other
        assert one.is_dir()
        (one / "1.dcm").write_bytes(b"image")
    assert not one.exists()
    assert not other.exists()


def test_what_a_killed_process_has_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".pulled.left"
    left.mkdir()
    (left / "1.dcm").write_bytes(b"image")
    with folder_in_transit(tmp_path):
        assert not left.exists()


def test_one_that_ends_by_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), folder_in_transit(tmp_path) as folder:
        raise RuntimeError("the peer is away")
    assert not folder.exists()


def test_one_that_goes_while_it_is_looked_at_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / ".pulled.gone"
    monkeypatch.setattr(Path, "glob", lambda _folder, _pattern: iter([gone]))
    with folder_in_transit(tmp_path) as folder:
        assert folder.is_dir()
