"""A node performs the list of another manager: it fetches, analyses, delivers and completes."""

from pathlib import Path

import pytest

from tests.acceptance.running import running_node
from tests.acceptance.test_priors import a_study
from tests.peers.orthanc import orthanc
from tests.peers.ups_manager import Manager, managing

pytestmark = pytest.mark.peer

WANTED, IMPOSSIBLE = "1.9.900", "1.9.901"


def test_a_step_for_a_study_that_only_the_pacs_has_ends_with_its_results_there(
    tmp_path: Path,
) -> None:
    """IHE AIW-I, as Task Performer, against a manager that keeps to PS3.4 Annex CC."""
    manager = Manager()
    with (
        managing(manager) as port,
        running_node(tmp_path / "node") as node,
        orthanc(tmp_path / "orthanc", node=node.peer, stable_age=3600) as pacs,
    ):
        node.environment |= {
            "DICOM_NODE_PERFORMING__MANAGER": "TASKS",
            "DICOM_NODE_PERFORMING__LABEL": "CHEST AI",
            "DICOM_NODE_PERFORMING__INTERVAL": "1",
        }
        path, study = a_study(tmp_path, "20260105")
        pacs.upload(path)
        manager.schedule(WANTED, study, PatientID="PRIORS1")
        manager.schedule(IMPOSSIBLE, "1.2.826.0.1.3680043.3.999")
        node.add_ae("ORTHANC", pacs.peer.port, "pacs", "--destination", "ORTHANC")
        node.add_ae("TASKS", port, "worklist", "--destination", "ORTHANC", "--quiet-period", "0")
        node.start()
        for step in (WANTED, IMPOSSIBLE):
            node.wait_for(
                f"step {step} to end",
                lambda uid=step: manager.state(uid) in ("COMPLETED", "CANCELED"),
            )
        node.wait_for("all that goes to the PACS", lambda: not node.owes("ORTHANC"))
        held = set(pacs.instances())
        told = node.ask("status", study).stdout
    assert manager.state(WANTED) == "COMPLETED"
    step = manager.steps[WANTED]
    (performed,) = step.UnifiedProcedureStepPerformedProcedureSequence
    assert performed.PerformedStationNameCodeSequence[0].CodeValue == node.peer.ae_title
    assert performed.PerformedWorkitemCodeSequence[0].CodeValue == "110004"
    made = {
        each.ReferencedSOPInstanceUID
        for output in performed.OutputInformationSequence
        for each in output.ReferencedSOPSequence
        if output.StudyInstanceUID == study
    }
    assert made, told
    assert made <= held, "what the step names as its results is in the PACS"
    assert "TransactionUID" not in step
    assert manager.state(IMPOSSIBLE) == "CANCELED"
    (progress,) = manager.steps[IMPOSSIBLE].ProcedureStepProgressInformationSequence
    assert progress.ReasonForCancellation == "ORTHANC has nothing of the study"
