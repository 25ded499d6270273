"""What a node opens at its start: never a mount point whose disk is missing."""

from pathlib import Path

import pytest

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.reception import ArchiveAwayError
from dicom_node.node.listening import open_archive
from dicom_node.node.repositories import Repositories
from tests.schema import give_schemas
from tests.unit.builders import an_instance


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    made = NodeSettings(data_dir=tmp_path)
    repositories = Repositories(made)
    give_schemas(repositories)
    repositories.close()
    return made


def test_a_first_start_makes_the_archive(settings: NodeSettings) -> None:
    settings.archive_dir.mkdir()  # its disk is mounted, and new
    open_archive(settings)
    assert (settings.archive_dir / ".incoming").is_dir()


@pytest.mark.parametrize("is_there", [True, False], ids=["empty", "missing"])
def test_an_archive_without_its_disk_is_not_opened(
    settings: NodeSettings,
    is_there: bool,
) -> None:
    repositories = Repositories(settings)
    repositories.index.record([an_instance("1.1")])
    repositories.close()
    if is_there:
        settings.archive_dir.mkdir()
    with pytest.raises(ArchiveAwayError, match="mount its disk"):
        open_archive(settings)
    assert not settings.archive_dir.exists() or not list(settings.archive_dir.iterdir())

    (settings.archive_dir / ".incoming").mkdir(parents=True)  # its objects are gone for good
    open_archive(settings)
    assert (settings.archive_dir / ".refused").is_dir()
