"""Which results of a model follow which: a study may have several of one model that all stand."""

from typing import Any

import sqlalchemy as sa

from dicom_node.domain.job import JobState
from dicom_node.persistence.corridor.tables import JOBS

_ROW = JOBS.c


def finished_jobs(
    connection: sa.Connection, study_instance_uid: str, model_name: str, *, but: str
) -> tuple[str, ...]:
    """Return the finished jobs of a model on a study ``but`` one, newest first."""
    query = (
        sa.select(_ROW.job_id)
        .where(
            _ROW.study_instance_uid == study_instance_uid,
            _ROW.model_name == model_name,
            _ROW.job_id != but,
            _ROW.state == JobState.DONE,
        )
        .order_by(_ROW.finished_at.desc())
    )
    return tuple(connection.scalars(query))


def predecessors_of(
    connection: sa.Connection, job_id: str, *, or_else: dict[str, Any] | None = None
) -> tuple[str, ...]:
    """Return the jobs whose results a job's results supersede, newest first.

    They are its own route's, on earlier images of the study. Where there is none, the route may
    have had another name: they are then those of the same model on some of this job's images.
    What another route wants of the same model stands beside it. ``or_else`` is the row of a job
    that is not recorded.
    """
    query = sa.select(JOBS).where(_ROW.job_id == job_id)
    own = connection.execute(query).mappings().first() or or_else
    if own is None:
        return ()
    query = (
        sa.select(_ROW.job_id, _ROW.route, _ROW.sop_instance_uids)
        .where(
            _ROW.study_instance_uid == own["study_instance_uid"],
            _ROW.model_name == own["model_name"],
            _ROW.revision < own["revision"],
            _ROW.state == JobState.DONE,
        )
        .order_by(_ROW.finished_at.desc())
    )
    earlier = connection.execute(query).all()
    of_route = [each for each in earlier if each.route == own["route"]]
    images = frozenset(own["sop_instance_uids"])
    of_images = [each for each in earlier if images.issuperset(each.sop_instance_uids)]
    return tuple(each.job_id for each in of_route or of_images)
