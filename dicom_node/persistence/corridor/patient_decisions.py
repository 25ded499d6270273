"""Whose studies are that name several patients, as people have decided, with an audit trail."""

import sqlalchemy as sa

from dicom_node.domain.patient import PatientDecision
from dicom_node.persistence.corridor.tables import AUDIT, PATIENT_DECISIONS
from dicom_node.persistence.upsert import insert_or_replace

_ACTION = "study patient decided"


class PatientDecisionStore:
    """The newest decision on each study; all of them stand in the audit."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of_study(self, study_instance_uid: str) -> PatientDecision | None:
        """Return the decision that holds for a study, or None."""
        query = sa.select(PATIENT_DECISIONS).where(
            PATIENT_DECISIONS.c.study_instance_uid == study_instance_uid
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return PatientDecision(
            keys=tuple(row["patient_keys"]),
            known=tuple(row["known_keys"]),
            is_same=row["is_same"],
            actor=row["actor"],
            at=row["at"],
            why=row["why"],
        )

    def decide(self, study_instance_uid: str, decision: PatientDecision) -> None:
        """Keep a decision in place of an earlier one, and note who made it and why."""
        row = {
            "study_instance_uid": study_instance_uid,
            "patient_keys": list(decision.keys),
            "known_keys": list(decision.known),
            "is_same": decision.is_same,
            "actor": decision.actor,
            "at": decision.at,
            "why": decision.why,
        }
        detail = {
            "patient": list(decision.keys),
            "of": list(decision.known),
            "same": decision.is_same,
            "why": decision.why,
        }
        with self._engine.begin() as connection:
            insert_or_replace(connection, PATIENT_DECISIONS, [row])
            connection.execute(
                sa.insert(AUDIT).values(
                    at=decision.at,
                    actor=decision.actor,
                    action=_ACTION,
                    subject=study_instance_uid,
                    detail=detail,
                )
            )
