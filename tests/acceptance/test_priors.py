"""A study's priors come from an Orthanc beside its analysis, and nothing is made of them."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from dicom_node.domain.prior import Prior, PriorState
from dicom_node.domain.study import StudyState
from tests.acceptance.conftest import MODALITY
from tests.acceptance.running import RunningNode, running_node
from tests.acceptance.test_corridor import CHEST
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend
from tests.peers.orthanc import Orthanc, orthanc

pytestmark = pytest.mark.peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Hospital:
    """A node that fetches priors from an Orthanc, which forwards nothing by itself."""

    node: RunningNode
    pacs: Orthanc


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    with (
        running_node(tmp_path / "node") as node,
        orthanc(tmp_path / "orthanc", node=node.peer, stable_age=3600) as pacs,
    ):
        node.environment |= {
            "DICOM_NODE_RETRIEVAL__ARCHIVE": "ORTHANC",
            "DICOM_NODE_RETRIEVAL__PRIORS": "2",
        }
        node.add_ae("ORTHANC", pacs.peer.port, "pacs", "--destination", "ORTHANC")
        node.add_ae(MODALITY, 104, "modality", "--destination", "ORTHANC", "--quiet-period", "0")
        node.start()
        yield Hospital(node=node, pacs=pacs)


def a_study(folder: Path, date: str) -> tuple[Path, str]:
    """Write the chest radiograph as a study of its own, of the same patient."""
    dataset = dcmread(dicom_folder("received") / CHEST)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyDate, dataset.PatientID = date, "PRIORS1"
    path = folder / f"{date}.dcm"
    dataset.save_as(path)
    return path, str(dataset.StudyInstanceUID)


def test_priors_of_a_patient_come_while_the_study_is_analysed(
    hospital: Hospital, tmp_path: Path
) -> None:
    node, pacs = hospital.node, hospital.pacs
    earlier = [a_study(tmp_path, f"{year}0105") for year in (2024, 2025)]
    for path, _ in earlier:
        pacs.upload(path)
    path, study = a_study(tmp_path, "20260105")
    repositories = node.repositories()
    repositories.index.ping()  # opened before the clock runs
    assert dcmsend(node.peer, [path], calling=MODALITY).returncode == 0
    begun = time.monotonic()

    def held() -> tuple[Prior, ...]:
        found = repositories.priors.of_study(study)
        return found if [each.state for each in found] == [PriorState.HELD] * 2 else ()

    priors = node.wait_for("the priors", held)
    print(f"priors held {time.monotonic() - begun:.2f} s after the transfer's end")
    assert {each.prior_study_uid for each in priors} == {uid for _, uid in earlier}
    node.wait_for(
        "the result", lambda: repositories.index.study(study).state is StudyState.ANALYSED
    )
    for _, uid in earlier:
        assert repositories.index.study(uid).state is StudyState.PRIOR
        assert repositories.hotbase.jobs(uid) == ()
    told = node.ask("status", study).stdout
    assert "Priors: 2 earlier studies of its kind" in told
    listed = json.loads(node.ask("priors", study, "--json").stdout)
    assert [each["study_date"] for each in listed] == ["20250105", "20240105"]
    repositories.close()
