"""A study whose files nothing can be made of still has its report, made of what the index knows."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.study import StudyState
from dicom_node.errors import NodeError
from dicom_node.workflow.analysis.evidence_order import EvidenceOrder, MadeEvidence
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works

FILED_BY = {
    "SpecificCharacterSet": "ISO_IR 100",
    "PatientName": "Müller^Jürgen",
    "PatientID": "MRN-0042",
    "PatientBirthDate": "19700102",
    "PatientSex": "M",
    "StudyID": "S7",
    "StudyDate": "20260304",
    "StudyTime": "093000",
    "AccessionNumber": "ACC-42",
    "ReferringPhysicianName": "Gräfe^Ada",
}


class Refuses:
    """Makes nothing, as workers that have died of the files."""

    def make(self, order: EvidenceOrder) -> MadeEvidence:
        """Refuse."""
        raise NodeError(f"nothing can be made of {order.job.study_instance_uid}")


@pytest.mark.slow
@pytest.mark.parametrize("failure", [NodeError("two workers have died of it"), None])
def test_the_report_is_filed_with_the_images_of_their_patient(
    engine: sa.Engine, tmp_path: Path, failure: NodeError | None
) -> None:
    """Whether the model could not look at them, or nothing can be drawn of what it said."""
    works = Works(engine, tmp_path)
    works.receive("1.2.3.1", **FILED_BY)
    works.models.failure = failure
    works.corridor.reporting._maker = Refuses()
    works.analyse()
    assert works.index.study(STUDY).state is StudyState.FAILED
    (job,) = works.hotbase.jobs(STUDY)
    (kept,) = works.hotbase.evidence(job["job_id"], EvidenceSet.FAILURE)
    assert kept.problems == ()
    planned = works.deliveries.of_job(job["job_id"])
    assert [each.evidence_set for each in planned] == [EvidenceSet.FAILURE]
    report = works.objects.whole_evidence(kept.path)
    said = {keyword: str(report[keyword].value) for keyword in FILED_BY}
    assert said == {**FILED_BY, "SpecificCharacterSet": said["SpecificCharacterSet"]}
    assert report.StudyInstanceUID == STUDY
