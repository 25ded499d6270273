"""What the command line says of results that are held back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.evidence import EvidenceObject, LeftOut
from dicom_node.domain.job import JobState
from dicom_node.node.repositories import Repositories
from sr_templates.evidence_kind import EvidenceKind
from tests.schema import give_schemas
from tests.unit.builders import EPOCH, STUDY, an_instance
from tests.unit.persistence.test_hotbase import JOB
from tests.unit.sr_templates.builders import a_source

CONFIG = Path(__file__).parents[3] / "config"
PROBLEM = "Burned In Annotation (0028,0301) has no value (type 1)"


def dicom_node(*arguments: str) -> str:
    result = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    assert result.exit_code == 0, result.output
    return str(result.output)


@pytest.fixture(autouse=True)
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    """A node that has one study, whose job is done."""
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    made = Repositories(NodeSettings(data_dir=tmp_path / "data"))
    give_schemas(made)
    made.received.open()
    made.evidence.open()
    source, dataset = made.received.root / an_instance("1.1").path, a_source()
    source.parent.mkdir(parents=True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(source, enforce_file_format=True)
    made.index.record([an_instance("1.1")])
    made.hotbase.add_job(JOB, at=EPOCH)
    made.hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)
    yield made
    made.close()


def hold(repositories: Repositories) -> None:
    """Hold an object that is broken indeed: it has hardly any attribute."""
    broken = a_source(SOPInstanceUID="2.1")
    repositories.hotbase.keep_evidence(
        [
            EvidenceObject(
                sop_instance_uid="2.1",
                sop_class_uid=broken.SOPClassUID,
                series_instance_uid=broken.SeriesInstanceUID,
                kind=EvidenceKind.SC,
                job_id=JOB.job_id,
                path=repositories.objects.keep(broken),
                problems=(PROBLEM,),
            )
        ]
    )


@pytest.mark.slow
def test_nothing_is_held_in_an_empty_node() -> None:
    assert "Nothing is held back." in dicom_node("evidence", "held")
    assert "Held back" not in dicom_node("status")


@pytest.mark.slow
def test_what_is_held_is_listed_with_file_reason_and_next_step(repositories: Repositories) -> None:
    hold(repositories)
    said = dicom_node("evidence", "held")
    (row,) = repositories.hotbase.evidence(JOB.job_id)
    assert f"Study {STUDY}" in said
    assert str(repositories.objects.evidence_path(row.path)) in said
    assert PROBLEM in said
    assert "dicom-node evidence retry" in said
    assert "Nothing is held back." in dicom_node("evidence", "held", "1.2.3")
    assert "Held back: 1 sc; dicom-node evidence held says why." in dicom_node("status")
    assert f"HELD: {PROBLEM}" in dicom_node("status", STUDY)


def test_what_still_fails_is_made_again(repositories: Repositories) -> None:
    hold(repositories)
    said = dicom_node("evidence", "retry", STUDY)
    assert "0 objects pass now and will be sent; 1 job will be done again" in said
    assert repositories.hotbase.jobs(STUDY)[0]["state"] == JobState.PENDING
    assert [each.study_instance_uid for each in repositories.index.receiving()] == [STUDY]
    assert "Held back: 1 sc" in dicom_node("status")


@pytest.mark.parametrize("lost", ["archive", "evidence"])
def test_a_file_that_is_gone_stops_nothing(repositories: Repositories, lost: str) -> None:
    hold(repositories)
    (path,) = (repositories.settings.data_dir / lost).rglob("*.dcm")
    path.unlink()
    said = dicom_node("evidence", "retry")
    assert "1 job will be done again" in said


def test_status_says_what_an_image_cannot_carry(repositories: Repositories) -> None:
    left_out = LeftOut(job_id=JOB.job_id, kind=EvidenceKind.SEG, reason="no pixel spacing")
    repositories.hotbase.leave_out(left_out)
    assert "seg: left out: no pixel spacing" in dicom_node("status", STUDY)
