"""Series of reports: viewers show the newest report of one, so that what stands has its own."""

from collections.abc import Sequence

from pydicom import Dataset

from dicom_node.domain.job import Job
from dicom_node.workflow.analysis.patients import UNDECIDED
from sr_templates.report_document import next_instance_number
from sr_templates.uids import derived_uid


def in_own_series(
    report: Dataset, job: Job, series: str, predecessors: Sequence[Dataset]
) -> Dataset:
    """Put a report into ``series``, numbered after those that it replaces there.

    What is told to one of a study's patients has a series apart, for a series is of one patient.
    """
    if series:
        report.SeriesInstanceUID = series
        report.InstanceNumber = next_instance_number(predecessors, series)
    if job.route == UNDECIDED:
        of_model = str(report.SeriesInstanceUID)
        report.SeriesInstanceUID = derived_uid("patient", of_model, *job.sop_instance_uids)
    return report
