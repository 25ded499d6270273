"""Rows of studies, and what they say."""

import sqlalchemy as sa

from dicom_node.domain.performed_step import PerformedState
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.errors import NotFoundError
from dicom_node.persistence.corridor.announcement_tables import PERFORMED_STEPS
from dicom_node.persistence.corridor.tables import INSTANCES, STUDIES


def study_row(connection: sa.Connection, study_instance_uid: str) -> sa.RowMapping:
    """Return the index row of a study.

    Raises
    ------
    NotFoundError
        When the study is not in the index.
    """
    query = sa.select(STUDIES).where(STUDIES.c.study_instance_uid == study_instance_uid)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFoundError(f"study {study_instance_uid} is not in the index")
    return row


def study_records(
    connection: sa.Connection,
    condition: sa.ColumnElement[bool],
    *,
    limit: int,
    newest_first: bool = False,
) -> tuple[StudyRecord, ...]:
    """Return the index rows of studies, those first that are quiet for longest (or shortest)."""
    count = (
        sa.select(sa.func.count())
        .where(INSTANCES.c.study_instance_uid == STUDIES.c.study_instance_uid)
        .scalar_subquery()
        .label("instance_count")
    )
    step = PERFORMED_STEPS.c
    under_way = sa.exists().where(
        step.study_instance_uid == STUDIES.c.study_instance_uid,
        step.state == PerformedState.IN_PROGRESS,
    )
    place = (STUDIES.c.last_received_at, STUDIES.c.study_instance_uid)
    order = [each.desc() for each in place] if newest_first else place
    query = sa.select(STUDIES, count, under_way.label("under_way"))
    query = query.where(condition).order_by(*order).limit(limit)
    return tuple(
        StudyRecord(
            study_instance_uid=row["study_instance_uid"],
            state=StudyState(row["state"]),
            sender=row["sender"],
            revision=row["revision"],
            instance_count=row["instance_count"],
            first_received_at=row["first_received_at"],
            last_received_at=row["last_received_at"],
            reason=row["reason"],
            interruption=interruption_of(row),
            is_under_way=bool(row["under_way"]),
        )
        for row in connection.execute(query).mappings()
    )


def interruption_of(row: sa.RowMapping) -> AssociationEnd | None:
    """Return how the transfer of a study broke off, None where it did not."""
    return AssociationEnd(row["interruption"]) if row["interruption"] else None
