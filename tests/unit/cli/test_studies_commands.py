"""What the command line says of studies that name several patients, and how one decides."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.reception import Announcement
from dicom_node.domain.study import StudyState
from dicom_node.node.repositories import Repositories
from tests.peers.objects import encoded
from tests.unit.builders import EPOCH, STUDY
from tests.unit.workflow.test_pipeline import _radiograph

CONFIG = Path(__file__).parents[3] / "config"
JANE = {"PatientID": "4711", "PatientName": "Doe^Jane"}


def dicom_node(*arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    assert result.exit_code == exit_code, result.output
    return " ".join(f"{result.output} {result.exception or ''}".split())


@pytest.fixture(autouse=True)
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    made = Repositories(NodeSettings(data_dir=tmp_path / "data"))
    made.migrate()
    made.received.open()
    yield made
    made.close()


def hold(repositories: Repositories, *patients: dict[str, str]) -> None:
    """Receive an image of each patient, and find that nobody knows whose the study is."""
    for number, patient in enumerate(patients, 1):
        dataset = _radiograph(f"1.2.3.{number}", **patient)
        announced = Announcement(
            sop_class_uid=dataset.SOPClassUID,
            sop_instance_uid=dataset.SOPInstanceUID,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            calling_ae="CR1",
            called_ae="AINODE",
            received_at=EPOCH,
        )
        stored = repositories.received.store(encoded(dataset), announced)
        repositories.index.record([stored.instance])
    study = repositories.index.claim(STUDY, by="w", at=EPOCH)
    assert study is not None
    repositories.index.finish(study, StudyState.UNDECIDED, "its images name 2 different patients")


@pytest.mark.slow
def test_what_waits_is_listed_and_each_patient_shown_with_a_number(
    repositories: Repositories,
) -> None:
    assert "No study waits" in dicom_node("studies", "undecided")
    hold(repositories, JANE, JANE, {"PatientID": "4712", "PatientName": "Roe^Richard"})
    assert f"{STUDY} from CR1" in dicom_node("studies", "undecided")
    assert "undecided" in dicom_node("status")
    shown = dicom_node("studies", "show", STUDY)
    assert "1 2 4711 Doe^Jane" in shown
    assert "2 1 4712 Roe^Richard" in shown
    assert "they differ in Patient ID (0010,0020)" in shown


@pytest.mark.slow
def test_a_decision_lets_the_study_be_analysed_and_is_shown(repositories: Repositories) -> None:
    hold(repositories, JANE, {"PatientID": "4712", "PatientName": "Roe^Richard"})
    said = dicom_node(
        *("studies", "decide", STUDY, "--patient", "2"),
        *("--why", "asked the ward", "--by", "dr.house"),
    )
    assert "Decided by dr.house" in said
    assert "images of others are left out" in said
    assert repositories.index.study(STUDY).state is StudyState.RECEIVING
    assert "Why: asked the ward" in dicom_node("studies", "show", STUDY)


def test_two_patient_ids_are_not_declared_the_same(repositories: Repositories) -> None:
    hold(repositories, JANE, {**JANE, "PatientID": "4712"})
    said = dicom_node(
        *("studies", "decide", STUDY, "--patient", "1", "--same", "--why", "typing error"),
        exit_code=1,
    )
    assert "archives file them apart" in said
    assert repositories.index.study(STUDY).state is StudyState.UNDECIDED


def test_a_married_name_is_declared_the_same(repositories: Repositories) -> None:
    hold(repositories, JANE, {**JANE, "PatientName": "Smith^Jane"})
    said = dicom_node("studies", "decide", STUDY, "--patient", "1", "--same", "--why", "married")
    assert "all images are this patient's" in said


def test_where_there_is_one_patient_there_is_nothing_to_decide(repositories: Repositories) -> None:
    hold(repositories, JANE)
    said = dicom_node("studies", "decide", STUDY, "--patient", "1", "--why", "x", exit_code=1)
    assert "nothing to decide" in said
