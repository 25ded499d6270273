"""A workstation reviews a result from outside: find, claim, store a verified report, complete.

DCMTK sends, stores and is the PACS, the node runs by its public command, pynetdicom plays the
workstation. It knows of the result what the PACS received, and nothing else.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.warehouse import TruthSource, Verification
from dicom_node.ups.codes import UPS_PULL, UPS_PUSH, code_sequence
from tests.acceptance.running import RunningNode, running_node
from tests.peers.dcmtk import Peer, StoreScp, dcmsend, run, storescp, storescu
from tests.peers.process import free_port

pytestmark = pytest.mark.peer
LOCK = "2.25.20260101"
_SR = "1.2.840.10008.5.1.4.1.1.88.34"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workstation:
    """An AE that drives the node's worklist, beside the PACS that gets the node's results."""

    node: RunningNode
    pacs: StoreScp
    port: int

    @contextmanager
    def association(self) -> Iterator[Association]:
        """Open an association to the worklist."""
        ae = AE(ae_title="WS1")
        ae.add_requested_context(UPS_PULL)
        association = ae.associate("127.0.0.1", self.port, ae_title="AINODE")
        assert association.is_established
        yield association
        association.release()

    def scheduled(self) -> Dataset | None:
        """Return the first step that waits."""
        query = Dataset()
        query.ProcedureStepState = "SCHEDULED"
        query.SOPInstanceUID = ""
        query.PatientID = ""
        query.InputInformationSequence = Sequence()
        with self.association() as association:
            found = [match for _, match in association.send_c_find(query, UPS_PULL) if match]
        return found[0] if found else None

    def change(self, uid: str, state: str) -> int:
        """Ask for a state of a step; return the status."""
        information = Dataset()
        information.ProcedureStepState = state
        information.TransactionUID = LOCK
        with self.association() as association:
            status, _ = association.send_n_action(information, 1, UPS_PUSH, uid, meta_uid=UPS_PULL)
        return int(status.Status)

    def state_outputs(self, uid: str, report: Dataset) -> int:
        """Say what was made in a step; return the status."""
        with self.association() as association:
            status, _ = association.send_n_set(
                _performance(report), UPS_PUSH, uid, meta_uid=UPS_PULL
            )
        return int(status.Status)

    def store(self, report: Dataset, folder: Path) -> None:
        """Store a report to the node."""
        path = folder / f"{report.SOPInstanceUID}.dcm"
        report.save_as(path, enforce_file_format=True)
        done = dcmsend(self.node.peer, [path], calling="WS1")
        assert done.returncode == 0, done.stderr

    def received_report(self) -> Dataset | None:
        """Return the report that the PACS has received, once it has received everything."""
        if not self.node.has_delivered():
            return None
        found = [dcmread(path) for path in self.pacs.files()]
        return next((each for each in found if each.SOPClassUID == _SR), None)


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    """A node whose worklist is open to one workstation, which may store reports as well."""
    port = free_port()
    environment = {
        "DICOM_NODE_WORKLIST__ENABLED": "true",
        "DICOM_NODE_WORKLIST__PORT": str(port),
    }
    with (
        storescp(tmp_path / "pacs", ae_title="PACS") as pacs,
        running_node(tmp_path / "node", **environment) as node,
    ):
        node.add_ae("PACS", pacs.peer.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        roles = ("worklist", "--role", "modality", "--role", "query")
        node.add_ae("WS1", 104, *roles, "--quiet-period", "0")
        node.start()
        yield Workstation(node=node, pacs=pacs, port=port)


def _verified(report: Dataset) -> Dataset:
    """Return what the workstation says of the node's report: it is right."""
    said = deepcopy(report)
    predecessor = Dataset()
    predecessor.ReferencedSOPClassUID = report.SOPClassUID
    predecessor.ReferencedSOPInstanceUID = report.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID = report.SeriesInstanceUID
    series.ReferencedSOPSequence = Sequence([predecessor])
    study = Dataset()
    study.StudyInstanceUID = report.StudyInstanceUID
    study.ReferencedSeriesSequence = Sequence([series])
    observer = Dataset()
    observer.VerifyingObserverName = "Expert^External"
    observer.VerifyingOrganization = "Hospital"
    observer.VerificationDateTime = "20260102030405"
    observer.VerifyingObserverIdentificationCodeSequence = Sequence()
    said.PredecessorDocumentsSequence = Sequence([study])
    said.VerifyingObserverSequence = Sequence([observer])
    said.VerificationFlag = "VERIFIED"
    said.PreliminaryFlag = "FINAL"
    said.SOPInstanceUID = generate_uid(prefix=None)
    said.file_meta.MediaStorageSOPInstanceUID = said.SOPInstanceUID
    return said


def _with_an_unknown_finding(report: Dataset) -> Dataset:
    """Return a report that also says of the study what no label of the model stands for."""
    said = _verified(report)
    statement = Dataset()
    statement.RelationshipType = "CONTAINS"
    statement.ValueType = "CODE"
    statement.ConceptNameCodeSequence = code_sequence(("33737001", "SCT", "Fracture of rib"))
    statement.ConceptCodeSequence = code_sequence(("52101004", "SCT", "Present"))
    said.ContentSequence.append(statement)
    return said


def _retrieved(step: Dataset, peer: Peer, folder: Path) -> set[str]:
    """Get a step's inputs from where it says that they are; return what came."""
    for number, group in enumerate(step.InputInformationSequence):
        into = folder / str(number)
        into.mkdir(parents=True)
        (retrieval,) = group.DICOMRetrievalSequence
        got = run(
            "getscu", "-S", "-aet", "WS1", "-aec", retrieval.RetrieveAETitle, "-od", into,
            peer.host, str(peer.port), "-k", "QueryRetrieveLevel=SERIES",
            "-k", f"StudyInstanceUID={group.StudyInstanceUID}",
            "-k", f"SeriesInstanceUID={group.SeriesInstanceUID}",
        )  # fmt: skip
        assert got.returncode == 0, got.stderr
    return {str(dcmread(path).SOPInstanceUID) for path in folder.rglob("*") if path.is_file()}


def _performance(report: Dataset) -> Dataset:
    made = Dataset()
    made.ReferencedSOPClassUID = report.SOPClassUID
    made.ReferencedSOPInstanceUID = report.SOPInstanceUID
    output = Dataset()
    output.TypeOfInstances = "DICOM"
    output.StudyInstanceUID = report.StudyInstanceUID
    output.SeriesInstanceUID = report.SeriesInstanceUID
    output.ReferencedSOPSequence = Sequence([made])
    item = Dataset()
    item.PerformedStationNameCodeSequence = code_sequence(("WS1", "L", "Workstation 1"))
    item.PerformedProcedureStepStartDateTime = "20260102030405"
    item.PerformedProcedureStepEndDateTime = "20260102030505"
    item.PerformedWorkitemCodeSequence = code_sequence(("110007", "DCM", "Report Verification"))
    item.OutputInformationSequence = Sequence([output])
    said = Dataset()
    said.TransactionUID = LOCK
    said.UnifiedProcedureStepPerformedProcedureSequence = Sequence([item])
    return said


def test_a_report_that_a_workstation_stores_decides_what_it_has_claimed(
    workstation: Workstation, tmp_path: Path
) -> None:
    node = workstation.node
    radiograph = make_radiograph(StudyUids.fresh(), datetime.now(UTC)).dataset
    image = tmp_path / "image.dcm"
    radiograph.save_as(image, enforce_file_format=True)
    done = storescu(node.peer, [image], calling="CR1")
    assert done.returncode == 0, done.stderr
    ai_report = node.wait_for("the report in the PACS", workstation.received_report)
    step = node.wait_for("a step to be scheduled", workstation.scheduled)
    assert ai_report is not None
    assert step is not None
    uid = str(step.SOPInstanceUID)
    assert step.PatientID == radiograph.PatientID
    inputs = {
        str(each.ReferencedSOPInstanceUID)
        for group in step.InputInformationSequence
        for each in group.ReferencedSOPSequence
    }
    assert {str(radiograph.SOPInstanceUID), str(ai_report.SOPInstanceUID)} <= inputs
    assert inputs <= _retrieved(step, node.peer, tmp_path / "inputs")
    assert workstation.change(uid, "IN PROGRESS") == 0x0000
    assert workstation.scheduled() is None

    repositories = node.repositories()
    (item,) = repositories.review_queue().items().items
    workstation.store(_with_an_unknown_finding(ai_report), tmp_path)
    shown = node.wait_for(
        "the node to say what it cannot use",
        lambda: (
            (said := node.ask("review", "show", item.item_id).stdout)
            and "does not know" in said
            and said
        ),
    )
    assert "Fracture of rib" in str(shown)
    assert "stays open for a reader" in str(shown)
    assert repositories.review_queue().item(item.item_id).is_open

    report = _verified(ai_report)
    assert workstation.state_outputs(uid, report) == 0x0000
    assert workstation.change(uid, "COMPLETED") == 0xC304  # no report that counts has come yet
    workstation.store(report, tmp_path)
    node.wait_for(
        "the report to count", lambda: workstation.change(uid, "COMPLETED") in (0x0000, 0xB306)
    )
    assert workstation.scheduled() is None
    assert workstation.change(uid, "CANCELED") == 0xC300
    node.wait_for(
        "the record to be counted",
        lambda: item.device.device_id in node.ask("warehouse", "counts").stdout,
    )
    record = repositories.warehouse.record(item.item_id)
    assert record.verification is Verification.EXTERNAL
    assert record.verdict_object_uid == report.SOPInstanceUID
    assert {each.source for each in record.truths} == {TruthSource.EXTERNAL}
    assert [each.person_name for each in record.reviewers] == ["Expert^External"]
    assert "closed the item" in node.ask("review", "show", item.item_id).stdout
    repositories.close()
