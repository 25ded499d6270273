"""Everything that the Hotbase knows of a study, found and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.delivery import WAITING, DeliveryState
from dicom_node.domain.study import StudyState
from dicom_node.persistence.audit import note
from dicom_node.persistence.corridor.announcement_tables import (
    ANNOUNCED_INSTANCES,
    PERFORMED_STEPS,
)
from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.persistence.corridor.commitment_tables import COMMITMENT_REFERENCES, COMMITMENTS
from dicom_node.persistence.corridor.message_tables import PEER_MESSAGES
from dicom_node.persistence.corridor.order_tables import IMAGING_ORDERS
from dicom_node.persistence.corridor.prior_tables import PRIOR_SEARCHES, PRIORS, RETRIEVALS
from dicom_node.persistence.corridor.retention import note_removals
from dicom_node.persistence.corridor.tables import (
    ATTEMPTS,
    CONFLICTS,
    DELIVERIES,
    EVIDENCE,
    FINDINGS,
    INSTANCES,
    JOBS,
    LEFT_OUT,
    MEASUREMENTS,
    PATIENT_DECISIONS,
    PREDICTIONS,
    REFUSALS,
    REMARKS,
    REMOVED_STUDIES,
    STUDIES,
    SUBSTITUTES,
)
from dicom_node.persistence.corridor.wanted_tables import WANTED_STUDIES
from dicom_node.persistence.devices.calibration_tables import OBSERVATIONS
from dicom_node.persistence.devices.shadow_tables import SHADOW_SCORES
from dicom_node.persistence.host_tables import AWAITED, CARRIED
from dicom_node.persistence.review.tables import (
    EXTERNAL_REPORTS,
    FIRST_READINGS,
    REVIEW_CT,
    REVIEW_FINDINGS,
    REVIEW_ITEMS,
    REVIEW_READINGS,
    REVIEW_REOPENINGS,
)
from dicom_node.persistence.ups.subscription_tables import STEP_SUBSCRIPTIONS, TOLD_STEPS
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS
from dicom_node.persistence.ups.taken_tables import TAKEN_STEPS

# In the order in which rows may go: none before those that refer to it.
OF_JOBS = (
    OBSERVATIONS, SHADOW_SCORES, COMMITMENTS, DELIVERIES, SUBSTITUTES, EVIDENCE, FINDINGS, LEFT_OUT,
    MEASUREMENTS, PREDICTIONS, REFUSALS, REMARKS,
)  # fmt: skip
OF_ITEMS = (FIRST_READINGS, REVIEW_CT, REVIEW_FINDINGS, REVIEW_READINGS, REVIEW_REOPENINGS)
OF_IMAGES = (COMMITMENT_REFERENCES,)
OF_STUDIES = (
    EXTERNAL_REPORTS, PROCEDURE_STEPS, REVIEW_ITEMS, JOBS, CONFLICTS, INSTANCES,
    INSTANCE_ATTRIBUTES, SERIES_ATTRIBUTES, STUDY_ATTRIBUTES, PATIENT_DECISIONS, ATTEMPTS,
    ANNOUNCED_INSTANCES, PERFORMED_STEPS, PEER_MESSAGES, STEP_SUBSCRIPTIONS, TOLD_STEPS,
    IMAGING_ORDERS, TAKEN_STEPS, WANTED_STUDIES, PRIORS, PRIOR_SEARCHES, RETRIEVALS, AWAITED,
    CARRIED, REMOVED_STUDIES, STUDIES,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What the Hotbase holds of a study: files below the folders of images and of results."""

    study_instance_uid: str
    images: tuple[str, ...]
    results: tuple[str, ...]
    busy: bool


class ErasureStore:
    """Finds what is known of studies, and deletes it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of_patient(self, patient_id: str) -> tuple[str, ...]:
        """Return the studies whose first image names this Patient ID (0010,0020)."""
        queries = (
            sa.select(table.c.study_instance_uid).where(table.c.patient_id == patient_id)
            for table in (STUDY_ATTRIBUTES, REMOVED_STUDIES)
        )
        with self._read() as connection:
            found = {uid for query in queries for uid in connection.scalars(query)}
        return tuple(sorted(found))

    def trace(self, study: str) -> Trace:
        """Return what is held of a study; ``busy`` while it is worked on or results are due."""
        jobs = sa.select(JOBS.c.job_id).where(JOBS.c.study_instance_uid == study)
        working = sa.select(STUDIES.c.state).where(
            STUDIES.c.study_instance_uid == study,
            STUDIES.c.state.in_((StudyState.RECEIVING, StudyState.COMPLETE)),
        )
        due = sa.select(DELIVERIES.c.state).where(
            DELIVERIES.c.job_id.in_(jobs),
            DELIVERIES.c.state.in_((*WAITING, DeliveryState.SENT)),
        )
        with self._read() as connection:

            def paths(*queries: sa.Select[Any]) -> tuple[str, ...]:
                return tuple(path for each in queries for path in connection.scalars(each) if path)

            return Trace(
                study_instance_uid=study,
                images=paths(
                    *(
                        sa.select(table.c.path).where(table.c.study_instance_uid == study)
                        for table in (INSTANCES, CONFLICTS)
                    )
                ),
                results=paths(
                    *(
                        sa.select(table.c.path).where(table.c.job_id.in_(jobs))
                        for table in (EVIDENCE, SUBSTITUTES)
                    )
                ),
                busy=any(connection.execute(each).first() for each in (working, due)),
            )

    def erase(
        self, study: str, files: Sequence[str], *, actor: str, why: str, at: datetime
    ) -> None:
        """Delete every row of a study, note its files for removal, and who wanted it and why."""
        jobs = sa.select(JOBS.c.job_id).where(JOBS.c.study_instance_uid == study)
        items = sa.select(REVIEW_ITEMS.c.item_id).where(REVIEW_ITEMS.c.study_instance_uid == study)
        images = sa.select(INSTANCES.c.sop_instance_uid).where(
            INSTANCES.c.study_instance_uid == study
        )
        with self._engine.begin() as connection:
            note_removals(connection, files, at=at)
            for table in OF_ITEMS:
                connection.execute(sa.delete(table).where(table.c.item_id.in_(items)))
            for table in OF_IMAGES:
                connection.execute(sa.delete(table).where(table.c.sop_instance_uid.in_(images)))
            for table in OF_JOBS:
                connection.execute(sa.delete(table).where(table.c.job_id.in_(jobs)))
            connection.execute(sa.delete(PRIORS).where(PRIORS.c.prior_study_uid == study))
            for table in OF_STUDIES:
                connection.execute(sa.delete(table).where(table.c.study_instance_uid == study))
            detail = {"files": len(files), "why": why}
            note(connection, "study erased", study, detail, actor=actor, at=at)

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)
