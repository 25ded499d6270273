"""What a node opens at its start: never a mount point whose disk is missing."""

import shutil
from pathlib import Path

import pytest

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.reception import ArchiveAwayError
from dicom_node.node.listening import open_archive
from dicom_node.node.repositories import Repositories
from sr_templates.evidence_kind import EvidenceKind
from tests.schema import give_schemas
from tests.unit.builders import EPOCH, an_instance
from tests.unit.persistence.test_hotbase import JOB

RESULT = EvidenceObject(
    sop_instance_uid="1.5",
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
    series_instance_uid="1.4",
    kind=EvidenceKind.SR,
    job_id=JOB.job_id,
    path="results/1.dcm",
)


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


@pytest.mark.parametrize("is_there", [True, False], ids=["empty", "missing"])
def test_a_folder_of_results_without_its_disk_is_not_opened(
    settings: NodeSettings, is_there: bool
) -> None:
    repositories = Repositories(settings)
    repositories.open_evidence()  # at the first start
    assert repositories.evidence.root.is_dir()
    repositories.index.record([an_instance("1.1")])
    repositories.hotbase.add_job(JOB, at=EPOCH)
    repositories.hotbase.keep_evidence([RESULT])
    shutil.rmtree(repositories.evidence.root)
    if is_there:
        repositories.evidence.root.mkdir()
    with pytest.raises(ArchiveAwayError, match="mount its disk"):
        repositories.open_evidence()
    repositories.close()
