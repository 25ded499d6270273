"""The index of studies and instances."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.study import STUDY_TRANSITIONS, StoredStudy, StudyState
from dicom_node.errors import ConflictError
from dicom_node.persistence.corridor.arrivals import keep_arrivals
from dicom_node.persistence.corridor.attributes import clear_attributes
from dicom_node.persistence.corridor.conflicts import warn_of
from dicom_node.persistence.corridor.study_rows import interruption_of, study_row
from dicom_node.persistence.corridor.study_standings import StudyStandings
from dicom_node.persistence.corridor.tables import (
    ATTEMPTS,
    CONFLICTS,
    INSTANCES,
    STUDIES,
)
from dicom_node.persistence.database import repeatable

# More parameters than this in one statement are too many for some SQLite builds.
_CHUNK = 500
_JSON = TypeAdapter(ReceivedInstance)

# No title of an application entity: a backslash separates values (PS3.5 6.2).
_SEVERAL = "\\"


class StudyIndex(StudyStandings):
    """What the archive holds, and where each study stands."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine)
        self._repeatable = repeatable(engine)

    def record(
        self, instances: Sequence[ReceivedInstance], *, sender: str | None = None
    ) -> frozenset[str]:
        """Commit ``instances`` in one transaction.

        Who sent last is the study's sender, unless ``sender`` is given: images that the node
        fetched came from an archive, and the study from somebody else.

        The first object under a SOP Instance UID counts; a later one with other bytes is noted
        as a conflict, which has its study looked at once more where there may be a result; and one
        with the same bytes changes nothing, unless its study was a prior: somebody sends it now.

        What the node fetches as a prior is one, and is not received.

        A power cut may undo the last of it: the archive, whose objects are durable, is read for
        what is missing here at the next start. That a prior was sent again is not to be seen there.

        Returns
        -------
        frozenset of str
            The studies that have new instances and therefore are being received (again).
        """
        engine = self._engine if self._are_of_priors(instances) else self._repeatable
        with engine.begin() as connection:
            sent, noted, doubted = keep_arrivals(connection, instances, sender)
        warn_of(noted)
        return doubted.union(each.study_instance_uid for each in sent)

    def claim(self, study_instance_uid: str, *, by: str, at: datetime) -> StoredStudy | None:
        """Freeze what has been received of a study as its next revision, for the workflow ``by``.

        Returns None when somebody else has claimed it or nothing is being received. Asking again
        with the same ``by`` gives the same answer, so the step may be repeated after a crash.
        """
        with self._engine.begin() as connection:
            row = study_row(connection, study_instance_uid)
            state = StudyState(row["state"])
            revision = row["revision"]
            if state is StudyState.RECEIVING:
                revision += 1
                connection.execute(
                    sa.update(STUDIES)
                    .where(STUDIES.c.study_instance_uid == study_instance_uid)
                    .values(state=StudyState.COMPLETE, revision=revision, claimed_by=by, reason="")
                )
            elif row["claimed_by"] != by or state is not StudyState.COMPLETE:
                return None
            return StoredStudy(
                study_instance_uid=study_instance_uid,
                revision=revision,
                sender=row["sender"],
                completed_at=at,
                sop_instance_uids=_uids(connection, study_instance_uid),
                interruption=interruption_of(row),
            )

    def interrupted(self, study_instance_uid: str, end: AssociationEnd, *, sender: str) -> None:
        """Note that a transfer of a study broke off, and whose it was.

        Where another sender's had broken off before, none of the two alone can finish the study.
        """
        by = sa.case(
            (sa.func.coalesce(STUDIES.c.interrupted_by, sender) == sender, sender),
            else_=_SEVERAL,
        )
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(STUDIES)
                .where(
                    STUDIES.c.study_instance_uid == study_instance_uid,
                    STUDIES.c.state != StudyState.PRIOR,
                )
                .values(interruption=end.value, interrupted_by=by)
            )

    def left_unseen(self, study_instance_uid: str, end: AssociationEnd, *, sender: str) -> None:
        """Note that nobody saw how a transfer ended, unless somebody has claimed the study since.

        Who claims a study may do so while this is being found out.
        """
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(STUDIES)
                .where(
                    STUDIES.c.study_instance_uid == study_instance_uid,
                    STUDIES.c.state == StudyState.RECEIVING,
                    STUDIES.c.revision == 0,
                )
                .values(interruption=end.value, interrupted_by=sender)
            )

    def resumed(self, study_instance_uid: str, *, sender: str) -> None:
        """Note that a sender whose transfer had broken off has come back and finished."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(STUDIES)
                .where(
                    STUDIES.c.study_instance_uid == study_instance_uid,
                    STUDIES.c.interrupted_by == sender,
                )
                .values(interruption=None, interrupted_by=None)
            )

    def finish(self, study: StoredStudy, state: StudyState, reason: str = "") -> None:
        """Record how the analysis of one revision ended, unless the study was reopened since.

        Raises
        ------
        ConflictError
            When ``state`` cannot follow a complete study.
        """
        self._end(
            study.study_instance_uid,
            STUDIES.c.revision == study.revision,
            state=state,
            reason=reason,
        )

    def claims(self, limit: int = 1000) -> dict[str, str]:
        """Return the studies that are being analysed, each with the workflow that has claimed it.

        Those that are quiet for longest come first, up to ``limit``.
        """
        query = (
            sa.select(STUDIES.c.study_instance_uid, STUDIES.c.claimed_by)
            .where(STUDIES.c.state == StudyState.COMPLETE)
            .order_by(STUDIES.c.last_received_at)
            .limit(limit)
        )
        with self._read() as connection:
            return {row.study_instance_uid: row.claimed_by for row in connection.execute(query)}

    def workflow_of(self, study_instance_uid: str) -> str:
        """Return the workflow that claimed a study last; empty where none has."""
        query = sa.select(STUDIES.c.claimed_by).where(
            STUDIES.c.study_instance_uid == study_instance_uid
        )
        with self._read() as connection:
            return str(connection.scalar(query) or "")

    def give_up(self, study_instance_uid: str, state: StudyState, *, by: str, reason: str) -> bool:
        """End the analysis that the workflow ``by`` had claimed; return whether there was one.

        What has arrived since, or what another workflow has claimed since, is left as it is.

        Raises
        ------
        ConflictError
            When ``state`` cannot follow a complete study.
        """
        return self._end(study_instance_uid, STUDIES.c.claimed_by == by, state=state, reason=reason)

    def reopen_failed(self, study_instance_uid: str | None = None) -> int:
        """Let failed studies (or one of them) be analysed again; return how many."""
        condition = STUDIES.c.state == StudyState.FAILED
        if study_instance_uid is not None:
            condition &= STUDIES.c.study_instance_uid == study_instance_uid
        with self._engine.begin() as connection:
            wanted = sa.select(STUDIES.c.study_instance_uid).where(condition)
            _forget_attempts(connection, ATTEMPTS.c.study_instance_uid.in_(wanted))
            changed = connection.execute(
                sa.update(STUDIES).where(condition).values(state=StudyState.RECEIVING)
            )
        return changed.rowcount

    def adopt(self, study_instance_uid: str, *, sender: str) -> None:
        """Let a study that was fetched as a prior be received, as if ``sender`` had sent it."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(STUDIES)
                .where(
                    STUDIES.c.study_instance_uid == study_instance_uid,
                    STUDIES.c.state == StudyState.PRIOR,
                )
                .values(state=StudyState.RECEIVING, sender=sender)
            )

    def reopen(self, study_instance_uid: str, *, with_priors: bool = True) -> int | None:
        """Let a study be analysed once more; return the revision it will be, None if unknown.

        Without ``with_priors`` one that was fetched as a prior is unknown too: of it the node has
        no more than is compared. One of which the node has no images any more is unknown as well.
        """
        with self._engine.begin() as connection:
            query = sa.select(STUDIES).where(STUDIES.c.study_instance_uid == study_instance_uid)
            row = connection.execute(query).mappings().first()
            if row is None:
                return None
            state, revision = StudyState(row["state"]), int(row["revision"])
            if state is StudyState.PRIOR and not with_priors:
                return None
            images = INSTANCES.c.study_instance_uid == study_instance_uid
            if (
                connection.execute(sa.select(INSTANCES.c.path).where(images).limit(1)).first()
                is None
            ):
                return None
            if state is StudyState.COMPLETE:  # being analysed: that is the analysis
                return revision
            if StudyState.RECEIVING in STUDY_TRANSITIONS[state]:
                _forget_attempts(connection, ATTEMPTS.c.study_instance_uid == study_instance_uid)
                connection.execute(
                    sa.update(STUDIES)
                    .where(STUDIES.c.study_instance_uid == study_instance_uid)
                    .values(state=StudyState.RECEIVING)
                )
            return revision + 1

    def instances(self, study_instance_uid: str) -> tuple[ReceivedInstance, ...]:
        """Return the instances of a study, by SOP Instance UID."""
        with self._read() as connection:
            return _instances(connection, study_instance_uid)

    def instance(self, sop_instance_uid: str) -> ReceivedInstance | None:
        """Return one instance, or None when it is not in the index."""
        query = sa.select(INSTANCES.c.received).where(
            INSTANCES.c.sop_instance_uid == sop_instance_uid
        )
        with self._read() as connection:
            found = connection.scalar(query)
        return _JSON.validate_python(found) if found is not None else None

    def these(self, sop_instance_uids: Sequence[str]) -> tuple[ReceivedInstance, ...]:
        """Return those of these instances that are in the index."""
        found = []
        with self._read() as connection:
            for start in range(0, len(sop_instance_uids), _CHUNK):
                wanted = sop_instance_uids[start : start + _CHUNK]
                query = sa.select(INSTANCES.c.received).where(
                    INSTANCES.c.sop_instance_uid.in_(wanted)
                )
                found += [_JSON.validate_python(each) for each in connection.scalars(query)]
        return tuple(found)

    def date_back(self, study_instance_uid: str, *, to: datetime) -> None:
        """Take a moment for the last arrival that a clock had put later, which was ahead then."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(STUDIES)
                .where(
                    STUDIES.c.study_instance_uid == study_instance_uid,
                    STUDIES.c.last_received_at > to,
                )
                .values(last_received_at=to)
            )

    def newest(self) -> datetime | None:
        """Return when the newest indexed instance was received."""
        with self._read() as connection:
            found: datetime | None = connection.scalar(
                sa.select(sa.func.max(INSTANCES.c.received_at))
            )
            return found

    def paths(self) -> Iterator[str]:
        """Yield the paths of all objects kept, those with a taken UID too."""
        with self._read() as connection:
            for column in (INSTANCES.c.path, CONFLICTS.c.path):
                yield from connection.scalars(
                    sa.select(column), execution_options={"yield_per": _CHUNK}
                )

    def clear(self) -> None:
        """Forget all instances, conflicts and attributes, before they are read back from the files.

        Studies stay: what became of them is not in the files.
        """
        with self._engine.begin() as connection:
            connection.execute(sa.delete(INSTANCES))
            connection.execute(sa.delete(CONFLICTS))
            clear_attributes(connection)

    def _are_of_priors(self, instances: Iterable[ReceivedInstance]) -> bool:
        query = sa.select(STUDIES.c.study_instance_uid).where(
            STUDIES.c.study_instance_uid.in_({each.study_instance_uid for each in instances}),
            STUDIES.c.state == StudyState.PRIOR,
        )
        with self._read() as connection:
            return connection.scalar(query.limit(1)) is not None

    def _end(
        self,
        study_instance_uid: str,
        condition: sa.ColumnElement[bool],
        *,
        state: StudyState,
        reason: str,
    ) -> bool:
        """End a complete study's analysis where ``condition`` holds; return whether it did."""
        if state not in STUDY_TRANSITIONS[StudyState.COMPLETE]:
            raise ConflictError(f"a complete study cannot become {state}")
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(STUDIES)
                .where(
                    STUDIES.c.study_instance_uid == study_instance_uid,
                    STUDIES.c.state == StudyState.COMPLETE,
                    condition,
                )
                .values(state=state, reason=reason)
            )
        return changed.rowcount == 1


def _forget_attempts(connection: sa.Connection, condition: sa.ColumnElement[bool]) -> None:
    """Let work be tried anew that workers have died of: somebody wants it."""
    connection.execute(sa.delete(ATTEMPTS).where(condition))


def _instances(connection: sa.Connection, study: str) -> tuple[ReceivedInstance, ...]:
    query = (
        sa.select(INSTANCES)
        .where(INSTANCES.c.study_instance_uid == study)
        .order_by(INSTANCES.c.sop_instance_uid)
    )
    return tuple(
        _JSON.validate_python(row["received"]) for row in connection.execute(query).mappings()
    )


def _uids(connection: sa.Connection, study: str) -> tuple[str, ...]:
    query = (
        sa.select(INSTANCES.c.sop_instance_uid)
        .where(INSTANCES.c.study_instance_uid == study)
        .order_by(INSTANCES.c.sop_instance_uid)
    )
    return tuple(connection.scalars(query))
