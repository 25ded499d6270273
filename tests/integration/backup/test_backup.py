"""A backup holds what the node holds, and comes back as it was, on SQLite and PostgreSQL."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any

import pytest
import sqlalchemy as sa

from dicom_node.backup import backup as module
from dicom_node.backup.backup import Backup, Outcome, restore
from dicom_node.backup.errors import BackupError
from dicom_node.backup.manifest import read_manifest
from dicom_node.configuration.private_folder import make_private
from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.listening import open_archive
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.database import make_engine
from tests.peers.postgresql import PostgreSql
from tests.unit.builders import an_instance

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def settings(folder: Path, **database: str) -> NodeSettings:
    return NodeSettings.model_validate({"data_dir": folder / "data", "database": database})


def make_node(of: NodeSettings) -> None:
    """Give a node two databases with a row each, three files, and what is not backed up."""
    for url in dict.fromkeys((of.workflow_url, of.hotbase_url, of.warehouse_url)):
        engine = make_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE kept (word VARCHAR(16))"))
            connection.execute(sa.text("INSERT INTO kept VALUES ('here')"))
        engine.dispose()
    for name in ("archive/CR1/1.dcm", "evidence/2.dcm", "cache/m.bin", "archive/.incoming/3"):
        path = of.data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def words(url: str) -> list[str]:
    engine = make_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(sa.text("SELECT word FROM kept")))
    engine.dispose()
    return found


def take(of: NodeSettings, folder: Path, *, mirror: bool = False, **others: Any) -> Outcome:
    config = of.data_dir.parent / "config"
    config.mkdir(exist_ok=True)
    (config / "node.toml").write_text("")
    stored = others.pop("stored", lambda: ())
    job = Backup(settings=of, config_dir=config, stored=stored)
    return job.make(folder, at=others.pop("at", AT), mirror=mirror, advance=lambda: None)


def bring_back(folder: Path, to: NodeSettings) -> None:
    restore(folder, to, to.data_dir.parent / "config", advance=lambda: None)


def test_a_node_starts_whose_images_went_while_it_was_backed_up(tmp_path: Path) -> None:
    """Rows are read first: retention may have removed the only files that they name since."""
    first, second = settings(tmp_path / "first"), settings(tmp_path / "second")
    make_engine(first.workflow_url).connect().close()  # the file is made
    repositories = Repositories(first)
    repositories.migrate()
    open_archive(first)
    repositories.index.record([an_instance("1.1")])
    repositories.close()

    take(first, tmp_path / "backup")
    bring_back(tmp_path / "backup", second)

    open_archive(second)


def test_what_was_backed_up_comes_back(tmp_path: Path) -> None:
    first, second = settings(tmp_path / "first"), settings(tmp_path / "second")
    make_node(first)

    outcome = take(first, tmp_path / "backup")
    bring_back(tmp_path / "backup", second)

    assert outcome.copied == outcome.manifest.files == 2
    assert {each.name for each in outcome.manifest.databases} == {
        "workflows",
        "hotbase",
        "warehouse",
    }
    assert (second.data_dir / "archive/CR1/1.dcm").read_bytes() == b"archive/CR1/1.dcm"
    assert words(second.hotbase_url) == words(second.warehouse_url) == ["here"]
    assert not (second.data_dir / "cache").exists()
    assert not list((second.archive_dir / ".incoming").iterdir())
    assert (tmp_path / "second" / "config" / "node.toml").exists()


def test_times_of_files_are_kept_for_they_say_when_an_object_was_received(tmp_path: Path) -> None:
    first, second = settings(tmp_path / "first"), settings(tmp_path / "second")
    make_node(first)
    os.utime(first.data_dir / "archive/CR1/1.dcm", (1000, 1000))

    take(first, tmp_path / "backup")
    bring_back(tmp_path / "backup", second)

    assert (second.data_dir / "archive/CR1/1.dcm").stat().st_mtime == 1000


@pytest.mark.peer
def test_postgresql_comes_back_into_an_empty_database_only(
    tmp_path: Path, postgres: PostgreSql
) -> None:
    first = settings(tmp_path / "first", url=postgres.database("backup-of-this"))
    make_node(first)
    second = settings(tmp_path / "second", url=postgres.database("restored-here"))

    outcome = take(first, tmp_path / "backup")
    bring_back(tmp_path / "backup", second)

    assert [each.name for each in outcome.manifest.databases] == ["workflows", "warehouse"]
    assert words(second.hotbase_url) == ["here"]
    third = settings(tmp_path / "third", url=second.hotbase_url)
    with pytest.raises(BackupError, match="holds 1 tables already"):
        bring_back(tmp_path / "backup", third)
    assert not third.data_dir.exists()


def test_only_what_is_new_is_copied_the_next_time(tmp_path: Path) -> None:
    node, folder = settings(tmp_path / "node"), tmp_path / "backup"
    make_node(node)
    take(node, folder)
    (node.data_dir / "archive/CR1/4.dcm").write_bytes(b"new")
    (node.data_dir / "evidence/2.dcm").unlink()

    outcome = take(node, folder, at=datetime(2026, 1, 3, tzinfo=UTC))

    assert (outcome.copied, outcome.removed, outcome.manifest.files) == (1, 0, 3)
    assert len(list((folder / "databases").iterdir())) == 1
    mirrored = take(node, folder, mirror=True, at=datetime(2026, 1, 4, tzinfo=UTC))
    assert (mirrored.copied, mirrored.removed, mirrored.manifest.files) == (0, 1, 2)


def test_a_file_that_rows_name_and_nobody_has_is_reported(tmp_path: Path) -> None:
    node = settings(tmp_path / "node")
    make_node(node)
    rows = [PurePath("archive/CR1/1.dcm"), PurePath("archive/CR1/lost.dcm")]

    outcome = take(node, tmp_path / "backup", stored=lambda: rows)

    assert outcome.missing == (PurePath("archive/CR1/lost.dcm"),)
    assert read_manifest(tmp_path / "backup") == outcome.manifest


def _of_another(folder: Path) -> None:
    make_node(other := settings(folder.parent / "other"))
    network = other.network.model_copy(update={"ae_title": "OTHER"})
    take(other.model_copy(update={"network": network}), folder)


def _with_other_files(folder: Path) -> None:
    folder.mkdir()
    (folder / "letter.txt").write_text("keep me")


@pytest.mark.parametrize(
    ("occupy", "said"),
    [(_of_another, "is the backup of OTHER"), (_with_other_files, "holds no backup")],
)
def test_a_folder_of_somebody_else_is_left_alone(
    tmp_path: Path, occupy: Callable[[Path], None], said: str
) -> None:
    node, folder = settings(tmp_path / "node"), tmp_path / "backup"
    make_node(node)
    occupy(folder)
    before = sorted(folder.rglob("*"))

    with pytest.raises(BackupError, match=said):
        take(node, folder)

    assert sorted(folder.rglob("*")) == before


def test_a_backup_does_not_lie_in_what_it_is_a_backup_of(tmp_path: Path) -> None:
    node = settings(tmp_path / "node")
    make_node(node)

    with pytest.raises(BackupError, match="would lie in the data folder"):
        take(node, node.data_dir / "backup")


def _damage(folder: Path) -> None:
    (file,) = folder.glob("databases/*/hotbase.sqlite")
    file.write_bytes(file.read_bytes()[:-1] + b"?")


def _break_off(folder: Path) -> None:
    (folder / "manifest.json").unlink()


def _make_newer(folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace(module.__version__, "99.0.0"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_damage, "missing or damaged"),
        (_break_off, "no whole backup"),
        (_make_newer, "is of version 99.0.0"),
    ],
)
def test_what_is_no_whole_backup_of_a_known_version_is_not_restored(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    first, second = settings(tmp_path / "first"), settings(tmp_path / "second")
    make_node(first)
    take(first, tmp_path / "backup")
    spoil(tmp_path / "backup")

    with pytest.raises(BackupError, match=said):
        bring_back(tmp_path / "backup", second)

    assert not second.data_dir.exists()


def test_nothing_is_replaced_by_restoring(tmp_path: Path) -> None:
    first, second = settings(tmp_path / "first"), settings(tmp_path / "second")
    make_node(first)
    make_node(second)
    take(first, tmp_path / "backup")

    with pytest.raises(BackupError, match="is not empty"):
        bring_back(tmp_path / "backup", second)


def test_a_damaged_database_is_not_passed_off_as_a_backup(tmp_path: Path) -> None:
    node = settings(tmp_path / "node")
    make_node(node)
    (node.data_dir / "warehouse.sqlite").write_bytes(b"no database at all" * 100)

    with pytest.raises(BackupError, match=r"warehouse\.sqlite"):
        take(node, tmp_path / "backup")

    assert not (tmp_path / "backup" / "manifest.json").exists()


def test_the_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)

    assert make_private(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not make_private(folder)
