"""Images and results that steps refer to."""

import sqlalchemy as sa

from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.procedure_step import StepReference
from dicom_node.persistence.corridor.tables import EVIDENCE, INSTANCES, IS_HELD, IS_REMOVED, JOBS


def image_references(
    connection: sa.Connection, condition: sa.ColumnElement[bool]
) -> tuple[StepReference, ...]:
    """Return images that the node holds."""
    query = sa.select(INSTANCES.c.received).where(condition)
    return tuple(
        StepReference(
            study_instance_uid=received["study_instance_uid"],
            series_instance_uid=received["series_instance_uid"],
            sop_class_uid=received["sop_class_uid"],
            sop_instance_uid=received["sop_instance_uid"],
        )
        for received in connection.scalars(query)
    )


def result_references(
    connection: sa.Connection, jobs: sa.ColumnElement[bool], evidence_set: EvidenceSet | None = None
) -> tuple[StepReference, ...]:
    """Return results that can be had from the node, which says where it names them."""
    query = (
        sa.select(EVIDENCE, JOBS.c.study_instance_uid)
        .join(JOBS, JOBS.c.job_id == EVIDENCE.c.job_id)
        .where(jobs, ~IS_HELD, ~IS_REMOVED)
    )
    if evidence_set is not None:
        query = query.where(EVIDENCE.c.evidence_set == evidence_set.value)
    return tuple(
        StepReference(
            study_instance_uid=row["study_instance_uid"],
            series_instance_uid=row["series_instance_uid"],
            sop_class_uid=row["sop_class_uid"],
            sop_instance_uid=row["sop_instance_uid"],
        )
        for row in connection.execute(query).mappings()
    )
