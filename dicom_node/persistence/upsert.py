"""INSERT … ON CONFLICT for the two databases that the node runs on."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def insert_or_ignore(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert ``rows``; those whose primary key exists already are left as they are."""
    if rows:
        statement = _insert(connection, table).on_conflict_do_nothing()
        connection.execute(statement, [dict(row) for row in rows])


def insert_one_or_ignore(
    connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]
) -> bool:
    """Insert a row unless one of its key exists; return whether it was inserted."""
    inserted = connection.execute(
        _insert(connection, table).values(**row).on_conflict_do_nothing(),
        execution_options={"preserve_rowcount": True},
    )
    return inserted.rowcount == 1


def insert_or_change(
    connection: sa.Connection,
    table: sa.Table,
    row: Mapping[str, Any],
    changed: Mapping[str, Any],
) -> None:
    """Insert a row, or give the one of its key these values alone."""
    statement = _insert(connection, table).values(**row)
    key = [column.name for column in table.primary_key]
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=dict(changed)))


def insert_or_replace(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert ``rows``; those whose primary key exists already get the new values."""
    if not rows:
        return
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    values = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=values),
        [dict(row) for row in rows],
    )


def insert_or_replace_one(
    connection: sa.Connection,
    table: sa.Table,
    row: Mapping[str, Any],
    *,
    where: sa.ColumnElement[bool] | None = None,
) -> bool:
    """Insert a row whose values may be SQL, or give the one of its key the new ones ``where`` so.

    Return whether the table has it now. It is one statement: one way to the database and back.
    """
    statement = _insert(connection, table).values(**row)
    key = [column.name for column in table.primary_key]
    values = {name: statement.excluded[name] for name in row if name not in key}
    changed = connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=values, where=where),
        execution_options={"preserve_rowcount": True},
    )
    return changed.rowcount == 1


def _insert(connection: sa.Connection, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    # The other database's dialect takes as long to import as its own: nobody waits for both.
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as into_postgresql  # noqa: PLC0415

        return into_postgresql(table)
    from sqlalchemy.dialects.sqlite import insert as into_sqlite  # noqa: PLC0415

    return into_sqlite(table)
