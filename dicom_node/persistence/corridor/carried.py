"""Which studies open associations carry, and who will look at them, where hosts share a database.

A single host keeps both in memory (`OpenAssociations`, `ExpectedHere`): they end with it.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from dicom_node.persistence.host_tables import AWAITED, CARRIED
from dicom_node.persistence.upsert import insert_or_ignore, insert_or_replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A study that an association was bringing."""

    association_id: str
    study_instance_uid: str
    calling_ae: str


class SharedAssociations:
    """The open associations of this host, told to all hosts by rows."""

    def __init__(self, engine: sa.Engine, executor_id: str) -> None:
        self._engine = engine
        self._executor_id = executor_id
        self._lock = threading.Lock()
        self._studies: dict[str, set[str]] = {}
        self._told: set[tuple[str, str]] = set()
        self._callers: dict[str, str] = {}

    def opened(self, association_id: str, calling_ae: str = "") -> None:
        """Note that an association has been accepted."""
        with self._lock:
            self._studies.setdefault(association_id, set())
            self._callers[association_id] = calling_ae

    def carried(self, brought: Iterable[tuple[str, str]]) -> None:
        """Note which associations have brought instances of which studies."""
        pairs = dict.fromkeys(brought)
        with self._lock:
            for association, study in pairs:  # known here also where the others cannot be told
                self._studies.setdefault(association, set()).add(study)
            rows = [
                {
                    "association_id": association,
                    "study_instance_uid": study,
                    "executor_id": self._executor_id,
                    "calling_ae": self._callers.get(association, ""),
                }
                for association, study in pairs
                if (association, study) not in self._told
            ]
        if rows:
            with self._engine.begin() as connection:
                insert_or_ignore(connection, CARRIED, rows)
            with self._lock:
                self._told.update(
                    (row["association_id"], row["study_instance_uid"]) for row in rows
                )

    def closed(self, association_id: str) -> frozenset[str]:
        """Note that an association has ended; return the studies that it had brought."""
        with self._lock:
            brought = frozenset(self._studies.get(association_id, ()))
        if brought:
            with self._engine.begin() as connection:
                connection.execute(
                    sa.delete(CARRIED).where(CARRIED.c.association_id == association_id)
                )
        with self._lock:  # not before: `settle` would take its rows for forgotten ones
            self._studies.pop(association_id, None)
            self._callers.pop(association_id, None)
            self._told -= {(association_id, study) for study in brought}
        return brought

    def carries(self, study_instance_uid: str) -> bool:
        """Whether an open association, on whatever host, has brought instances of this study."""
        query = sa.select(sa.literal(1)).where(CARRIED.c.study_instance_uid == study_instance_uid)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return connection.execute(query.limit(1)).first() is not None

    def settle(self) -> tuple[Carried, ...]:
        """Delete and return this host's rows whose associations it does not have.

        They are of an earlier run, or ended while the database was away.
        """
        own = CARRIED.c.executor_id == self._executor_id
        query = sa.select(CARRIED.c.association_id).where(own).distinct()
        with self._engine.connect().execution_options(read_only=True) as connection:
            found = set(connection.scalars(query))
        with self._lock:  # only now: an association is known before it has rows
            left = found - self._studies.keys()
        return _taken(self._engine, own, CARRIED.c.association_id.in_(left)) if left else ()

    def left_by(self, executor_ids: Iterable[str]) -> tuple[Carried, ...]:
        """Delete and return the rows of hosts that are dead."""
        return _taken(self._engine, CARRIED.c.executor_id.in_(list(executor_ids)))

    def __len__(self) -> int:
        """Return how many associations are open on this host."""
        with self._lock:
            return len(self._studies)


class ExpectedRows:
    """The studies whose transfer was seen to end, and the workflows that will look at them."""

    def __init__(
        self, engine: sa.Engine, *, alive: Callable[[Sequence[str]], frozenset[str]]
    ) -> None:
        """Keep the parts; ``alive`` says which of some workflows run or wait."""
        self._engine = engine
        self._alive = alive

    def announce(self, study_instance_uid: str) -> None:
        """Do nothing yet: what stands is the workflow."""

    def add(self, study_instance_uid: str, workflow_id: str) -> None:
        """Note that a workflow will look at a study."""
        row = {"study_instance_uid": study_instance_uid, "workflow_id": workflow_id}
        with self._engine.begin() as connection:
            insert_or_replace(connection, AWAITED, [row])

    def discard(self, study_instance_uid: str) -> None:
        """Note that one has looked."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.delete(AWAITED).where(AWAITED.c.study_instance_uid == study_instance_uid)
            )

    def waiting(self, studies: Sequence[str]) -> frozenset[str]:
        """Return which of these studies a workflow will still look at."""
        query = sa.select(AWAITED).where(AWAITED.c.study_instance_uid.in_(list(studies)))
        with self._engine.connect().execution_options(read_only=True) as connection:
            found = {row.study_instance_uid: row.workflow_id for row in connection.execute(query)}
        alive = self._alive(list(found.values())) if found else frozenset()
        return frozenset(study for study, workflow in found.items() if workflow in alive)


def _taken(engine: sa.Engine, *conditions: sa.ColumnElement[bool]) -> tuple[Carried, ...]:
    statement = (
        sa.delete(CARRIED)
        .where(*conditions)
        .returning(CARRIED.c.association_id, CARRIED.c.study_instance_uid, CARRIED.c.calling_ae)
    )
    with engine.begin() as connection:
        return tuple(
            Carried(
                association_id=row.association_id,
                study_instance_uid=row.study_instance_uid,
                calling_ae=row.calling_ae,
            )
            for row in connection.execute(statement)
        )
