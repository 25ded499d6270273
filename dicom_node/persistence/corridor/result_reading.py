"""What rows say of results: remarks, refusals and objects made, without a model's own values."""

from collections import Counter
from collections.abc import Collection

import sqlalchemy as sa

from ai_engine.prediction import Remark, RemarkKind
from dicom_node.domain.evidence import EvidenceSet, MadeObjects
from dicom_node.domain.review.review import UnanalysedImage
from dicom_node.persistence.corridor.remark_rows import details_of
from dicom_node.persistence.corridor.succession import predecessors_of
from dicom_node.persistence.corridor.tables import EVIDENCE, IS_HELD, JOBS, REFUSALS, REMARKS
from sr_templates.evidence_kind import EvidenceKind


def remarks_of(connection: sa.Connection, job_id: str) -> tuple[Remark, ...]:
    """Return how a job's result came about: by image, what disagrees before the rest."""
    query = sa.select(REMARKS).where(REMARKS.c.job_id == job_id)
    order = list(RemarkKind)
    found = (
        Remark(
            kind=RemarkKind(row["kind"]),
            sop_instance_uid=row["sop_instance_uid"],
            detail=detail,
        )
        for row in connection.execute(query).mappings()
        for detail in details_of(row["detail"])
    )
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), each.sop_instance_uid)))


def refusals_of(connection: sa.Connection, job_id: str) -> tuple[UnanalysedImage, ...]:
    """Return which of a job's images were not analysed, and why."""
    query = sa.select(REFUSALS).where(REFUSALS.c.job_id == job_id)
    return tuple(
        UnanalysedImage(
            sop_instance_uid=row["sop_instance_uid"], reason=row["reason"], detail=row["detail"]
        )
        for row in connection.execute(query.order_by(REFUSALS.c.sop_instance_uid)).mappings()
    )


def disagreeing(connection: sa.Connection, job_ids: Collection[str]) -> frozenset[str]:
    """Return which of these jobs have an image whose header and pixels disagree."""
    query = sa.select(REMARKS.c.job_id).where(
        REMARKS.c.job_id.in_(job_ids),
        REMARKS.c.kind.in_([each.value for each in RemarkKind if each.is_disagreement]),
    )
    return frozenset(connection.scalars(query))


def made_of(connection: sa.Connection, study_instance_uid: str) -> tuple[MadeObjects, ...]:
    """Return what models have made of a study, by model and kind, without what is held back.

    Of jobs that follow each other only the last one counts: its objects take the others' place.
    """
    query = (
        sa.select(JOBS.c.job_id, JOBS.c.model_name, JOBS.c.model_version, EVIDENCE.c.kind)
        .join(EVIDENCE, EVIDENCE.c.job_id == JOBS.c.job_id)
        .where(
            JOBS.c.study_instance_uid == study_instance_uid,
            EVIDENCE.c.evidence_set == EvidenceSet.RESULT.value,
            sa.not_(IS_HELD),
        )
        .order_by(JOBS.c.created_at, EVIDENCE.c.kind)
    )
    found = connection.execute(query).all()
    replaced = frozenset(
        each
        for job_id in {row.job_id for row in found}
        for each in predecessors_of(connection, job_id)
    )
    counted = Counter(
        (row.model_name, row.model_version, EvidenceKind(row.kind))
        for row in found
        if row.job_id not in replaced
    )
    return tuple(
        MadeObjects(model_name=name, model_version=version, kind=kind, count=count)
        for (name, version, kind), count in counted.items()
    )
