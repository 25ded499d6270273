"""What others say of studies: steps that modalities perform, and instances that archives have."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.performed_step import (
    NOTHING_ANNOUNCED,
    Announced,
    AnnouncedInstance,
    Availability,
    DuplicateStepError,
    PerformedState,
    PerformedStep,
    SeriesCount,
    StepIsOverError,
    UnknownStepError,
)
from dicom_node.persistence.corridor.announcement_tables import (
    ANNOUNCED_INSTANCES,
    PERFORMED_STEPS,
)
from dicom_node.persistence.corridor.tables import EVIDENCE, INSTANCES, STUDIES, SUBSTITUTES
from dicom_node.persistence.upsert import insert_or_ignore

_STEP, _SAID = PERFORMED_STEPS.c, ANNOUNCED_INSTANCES.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """A step that was reported, with when that was, and what of it came."""

    step: PerformedStep
    begun_at: datetime
    changed_at: datetime
    announced: Announced


class AnnouncementStore:
    """What others say of studies; used by receivers and by the main process."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(self, step: PerformedStep, *, at: datetime) -> None:
        """Record a step that a modality has begun.

        Raises
        ------
        DuplicateStepError
            There is one of that UID.
        """
        rows = [
            {
                "uid": step.uid,
                "study_instance_uid": study,
                "reporter": step.reporter,
                "begun_at": at,
                **_changing(step, at),
            }
            for study in step.studies
        ]
        with self._engine.begin() as connection:
            found = sa.select(_STEP.uid).where(_STEP.uid == step.uid).limit(1)
            if connection.scalar(found) is not None:
                raise DuplicateStepError("there is a step of that UID")
            try:
                connection.execute(sa.insert(PERFORMED_STEPS), rows)
            except sa.exc.IntegrityError as error:  # begun twice at once
                raise DuplicateStepError("there is a step of that UID") from error
            _announce(connection, step.uid, step.instances or (), at)

    def step(self, uid: str) -> PerformedStep:
        """Return a step, without the instances that it announces.

        Raises
        ------
        UnknownStepError
            There is none of that UID.
        """
        with self._read() as connection:
            rows = connection.execute(_steps(_STEP.uid == uid)).mappings().all()
        if not rows:
            raise UnknownStepError("nobody has begun a step of that UID")
        return _step(rows)

    def change(self, step: PerformedStep, *, at: datetime) -> None:
        """Record what a modality says now of a step that it has begun.

        Raises
        ------
        StepIsOverError
            It said before that it had ended.
        """
        open_row = (_STEP.uid == step.uid) & (_STEP.state == PerformedState.IN_PROGRESS)
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(PERFORMED_STEPS).where(open_row).values(**_changing(step, at))
            )
            if not changed.rowcount:
                raise StepIsOverError("the step is over, and may no longer be updated")
            if step.instances is not None:
                before = ANNOUNCED_INSTANCES.c.source_uid == step.uid
                connection.execute(sa.delete(ANNOUNCED_INSTANCES).where(before))
                _announce(connection, step.uid, step.instances, at)

    def available(self, told: Availability, *, at: datetime) -> None:
        """Record which instances an archive has; told twice, it counts once."""
        with self._engine.begin() as connection:
            _announce(connection, told.uid, told.instances, at)

    def announced(self, study_instance_uid: str) -> Announced:
        """Return what was announced of a study, against what came."""
        with self._read() as connection:
            return _announced(connection, study_instance_uid)

    def steps(self, *, study: str = "", limit: int = 100) -> tuple[StepRow, ...]:
        """Return the steps that were reported last, of one study or of all, newest first."""
        condition = _STEP.study_instance_uid == study if study else sa.true()
        newest = (
            sa.select(_STEP.uid, sa.func.max(_STEP.changed_at).label("at"))
            .where(condition)
            .group_by(_STEP.uid)
            .order_by(sa.desc("at"), _STEP.uid)
            .limit(limit)
        )
        with self._read() as connection:
            uids = [row.uid for row in connection.execute(newest)]
            by_uid: dict[str, list[Any]] = {uid: [] for uid in uids}
            for row in connection.execute(_steps(_STEP.uid.in_(uids))).mappings():
                by_uid[row["uid"]].append(row)
            return tuple(
                StepRow(
                    step=_step(rows),
                    begun_at=rows[0]["begun_at"],
                    changed_at=rows[0]["changed_at"],
                    announced=_announced(connection, rows[0]["study_instance_uid"]),
                )
                for rows in by_uid.values()
            )

    def collect(self, before: datetime) -> int:
        """Forget what was said ``before`` of studies that never came; return how many steps."""
        study = STUDIES.c.study_instance_uid
        unseen = ~sa.exists().where(study == _SAID.study_instance_uid)
        unused = ~sa.exists().where(study == _STEP.study_instance_uid)
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(ANNOUNCED_INSTANCES).where(_SAID.announced_at < before, unseen)
            )
            return connection.execute(
                sa.delete(PERFORMED_STEPS).where(_STEP.changed_at < before, unused)
            ).rowcount

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _changing(step: PerformedStep, at: datetime) -> dict[str, Any]:
    return {
        "state": step.state,
        "reason": step.reason,
        "attributes": dict(step.attributes),
        "changed_at": at,
    }


def _announce(
    connection: sa.Connection, source: str, instances: Sequence[AnnouncedInstance], at: datetime
) -> None:
    rows = [
        {
            "source_uid": source,
            "sop_instance_uid": each.sop_instance_uid,
            "study_instance_uid": each.study_instance_uid,
            "series_instance_uid": each.series_instance_uid,
            "sop_class_uid": each.sop_class_uid,
            "retrieve_ae": each.retrieve_ae,
            "announced_at": at,
        }
        for each in instances
        if each.study_instance_uid
    ]
    insert_or_ignore(connection, ANNOUNCED_INSTANCES, rows)


def _steps(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(PERFORMED_STEPS).where(condition).order_by(_STEP.uid, _STEP.study_instance_uid)


def _step(rows: Sequence[Any]) -> PerformedStep:
    first = rows[0]
    return PerformedStep(
        uid=first["uid"],
        state=PerformedState(first["state"]),
        reporter=first["reporter"],
        studies=tuple(row["study_instance_uid"] for row in rows),
        reason=first["reason"],
        instances=None,
        attributes=first["attributes"],
    )


def _announced(connection: sa.Connection, study: str) -> Announced:
    steps = connection.execute(
        sa.select(_STEP.state, _STEP.reason).where(_STEP.study_instance_uid == study)
    ).all()
    # What the node has made itself is announced by archives as well, and does not come.
    mine = sa.or_(
        sa.exists().where(EVIDENCE.c.sop_instance_uid == _SAID.sop_instance_uid),
        sa.exists().where(SUBSTITUTES.c.sent_instance_uid == _SAID.sop_instance_uid),
    )
    held = sa.exists().where(INSTANCES.c.sop_instance_uid == _SAID.sop_instance_uid)
    said = connection.execute(
        sa.select(_SAID.series_instance_uid, _SAID.sop_instance_uid, held.label("held"))
        .where(_SAID.study_instance_uid == study, ~mine)
        .distinct()
    ).all()
    if not steps and not said:
        return NOTHING_ANNOUNCED
    counts = Counter(row.series_instance_uid for row in said)
    missing = Counter(row.series_instance_uid for row in said if not row.held)
    return Announced(
        under_way=any(row.state == PerformedState.IN_PROGRESS for row in steps),
        discontinued=tuple(row.reason for row in steps if row.state == PerformedState.DISCONTINUED),
        series=tuple(
            SeriesCount(series_instance_uid=uid, announced=count, missing=missing[uid])
            for uid, count in sorted(counts.items())
        ),
    )
