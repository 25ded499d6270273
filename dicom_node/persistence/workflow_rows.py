"""The rows of the workflow store that DBOS has no call for: work of other versions of the node.

The tables are DBOS's; these are the columns that are used of them. On PostgreSQL they lie in the
schema ``dbos``.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Self

import sqlalchemy as sa

from dicom_node.persistence.database import make_engine
from dicom_node.workflow.names import STUDIES
from dicom_node.workflow.take_up import RUNNING, Unfinished, Written

_UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")


class WorkflowRowStore:
    """Reads and moves rows of the store at a URL, beside DBOS."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        schema = "dbos" if self._engine.dialect.name == "postgresql" else None
        self._workflows = sa.table(
            "workflow_status",
            *map(sa.column, ("workflow_uuid", "status", "executor_id", "application_version")),
            *map(sa.column, ("name", "serialization", "inputs", "output", "error")),
            *map(sa.column, ("queue_name", "owner_xid", "started_at_epoch_ms")),
            schema=schema,
        )
        self._inputs = sa.table(
            "workflow_input", sa.column("workflow_uuid"), sa.column("inputs"), schema=schema
        )
        self._outputs = sa.table("workflow_output", sa.column("workflow_uuid"), schema=schema)
        self._steps = sa.table(
            "operation_outputs",
            *map(sa.column, ("workflow_uuid", "function_id", "output", "error", "serialization")),
            schema=schema,
        )

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        """Return the store, to be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def unfinished(self, *, but_of: Collection[str]) -> tuple[Unfinished, ...]:
        """Return the unfinished workflows of all versions but these."""
        columns, inputs = self._workflows.c, self._inputs.c
        of_others = sa.and_(
            columns.status.in_(_UNFINISHED),
            sa.func.coalesce(columns.application_version, "").not_in(list(but_of)),
        )
        query = (
            sa.select(self._workflows, inputs.inputs.label("arguments"))
            .outerjoin_from(
                self._workflows, self._inputs, inputs.workflow_uuid == columns.workflow_uuid
            )
            .where(of_others)
        )
        with self._read() as connection:
            steps = self._steps_of(connection, sa.select(columns.workflow_uuid).where(of_others))
            rows = connection.execute(query).mappings().all()
        return tuple(
            Unfinished(
                workflow_id=row["workflow_uuid"],
                name=row["name"] or "",
                status=row["status"],
                executor_id=row["executor_id"] or "",
                version=row["application_version"],
                arguments=_written(row["arguments"] or row["inputs"], row["serialization"]),
                steps=tuple(steps.get(row["workflow_uuid"], ())),
            )
            for row in rows
        )

    def any_unfinished(self) -> bool:
        """Whether any workflow runs, is queued or waits, of whatever version."""
        columns = self._workflows.c
        query = sa.select(columns.workflow_uuid).where(columns.status.in_(_UNFINISHED)).limit(1)
        with self._read() as connection:
            return connection.scalar(query) is not None

    def executors(self) -> frozenset[str]:
        """Return the executors that run something by their rows, dead or alive."""
        columns = self._workflows.c
        query = sa.select(columns.executor_id).where(columns.status == RUNNING).distinct()
        with self._read() as connection:
            return frozenset(each for each in connection.scalars(query) if each)

    def release(self, executor_ids: Collection[str], version: str) -> tuple[str, ...]:
        """Put what these executors run of a version back into the queue; return what that was.

        One statement: what another host has taken up meanwhile names that one, and is left alone.
        The token of the run (``owner_xid``) goes, so that whoever had it can record nothing more.
        """
        if not executor_ids:
            return ()
        columns = self._workflows.c
        with self._engine.begin() as connection:
            return tuple(
                connection.scalars(
                    sa.update(self._workflows)
                    .where(
                        columns.status == RUNNING,
                        columns.executor_id.in_(list(executor_ids)),
                        columns.application_version == version,
                    )
                    .values(
                        status="ENQUEUED",
                        owner_xid=None,
                        started_at_epoch_ms=None,
                        queue_name=sa.func.coalesce(columns.queue_name, STUDIES),
                    )
                    .returning(columns.workflow_uuid)
                )
            )

    def adopt(self, workflow_ids: Sequence[str], version: str) -> None:
        """Make workflows those of a version, unless they have ended meanwhile."""
        columns = self._workflows.c
        with self._engine.begin() as connection:
            for some in _pages(workflow_ids):
                connection.execute(
                    sa.update(self._workflows)
                    .where(columns.workflow_uuid.in_(some), columns.status.in_(_UNFINISHED))
                    .values(application_version=version)
                )

    def forget_foreign_values(self, serializer: str) -> int:
        """Delete what ended workflows hold of other serialisers; return of how many.

        That they ran, and how they ended, stays.
        """
        columns = self._workflows.c
        foreign = sa.select(columns.workflow_uuid).where(
            columns.status.not_in(_UNFINISHED),
            sa.func.coalesce(columns.serialization, "") != serializer,
        )
        with self._engine.begin() as connection:
            for table in (self._inputs, self._outputs, self._steps):
                connection.execute(sa.delete(table).where(table.c.workflow_uuid.in_(foreign)))
            return connection.execute(
                sa.update(self._workflows)
                .where(columns.workflow_uuid.in_(foreign))
                .values(inputs=None, output=None, error=None, serialization=serializer)
            ).rowcount

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)

    def _steps_of(
        self, connection: sa.Connection, workflows: sa.Select[tuple[str]]
    ) -> dict[str, list[Written]]:
        columns = self._steps.c
        found: dict[str, list[Written]] = {}
        query = sa.select(self._steps).where(columns.workflow_uuid.in_(workflows))
        for row in connection.execute(query.order_by(columns.function_id)).mappings():
            # A step that only started another workflow holds no value.
            for text in (row["output"], row["error"]):
                if (written := _written(text, row["serialization"])) is not None:
                    found.setdefault(row["workflow_uuid"], []).append(written)
        return found


def _written(text: str | None, serializer: str | None) -> Written | None:
    return None if text is None else Written(text=text, serializer=serializer)


def _pages(workflow_ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    for start in range(0, len(workflow_ids), size):
        yield workflow_ids[start : start + size]
