"""Keys in files: whole or not there, made once, and private."""

import errno
import os
from pathlib import Path

import pytest

from dicom_node.configuration.keys import kept_key


def test_a_key_is_made_once_and_only_its_user_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "node.key"
    assert kept_key(path, lambda: "first") == "first"
    assert kept_key(path, lambda: "second") == "first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_no_empty_key_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    path = tmp_path / "node.key"
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space left"):
            kept_key(path, lambda: "lost")
    assert not list(tmp_path.iterdir())
    assert kept_key(path, lambda: "kept") == "kept"


def test_the_first_of_two_makers_wins(tmp_path: Path) -> None:
    path = tmp_path / "node.key"

    def make_while_another_does() -> str:
        path.write_text("theirs", encoding="ascii")
        return "ours"

    assert kept_key(path, make_while_another_does) == "theirs"
    assert list(tmp_path.iterdir()) == [path]
