"""Whether a database has changed, asked without reading any of its rows."""

import sqlite3

import sqlalchemy as sa
from sqlalchemy.pool import PoolProxiedConnection

from dicom_node.persistence.database import make_engine
from dicom_node.persistence.host_tables import HOSTS, LEASES

# By hosts that have nothing to do, too.
_SIGNS_OF_LIFE = (HOSTS.name, LEASES.name)
_TABLES = sa.table(
    "pg_stat_user_tables",
    *map(sa.column, ("relname", "n_tup_ins", "n_tup_upd", "n_tup_del")),
)
_COUNTS = _TABLES.c
_WRITTEN = sa.select(sa.func.sum(_COUNTS.n_tup_ins + _COUNTS.n_tup_upd + _COUNTS.n_tup_del)).where(
    _COUNTS.relname.not_in(_SIGNS_OF_LIFE)
)


class Changes:
    """What is committed to a database; asked by one thread at a time, until ``close``.

    SQLite counts commits of other connections, in whatever process, in memory that all of them map
    (``PRAGMA data_version``). PostgreSQL counts the rows that are written to each table: those of
    a connection that has nothing more to do stand there ten seconds later at the latest, before
    version 15 perhaps only with what it does next. Signs of life are not counted.
    """

    def __init__(self, url: str) -> None:
        """Keep the address of the database; it is opened when it is asked first."""
        self._engine = make_engine(url)
        self._connection: PoolProxiedConnection | None = None
        self._seen: object = None

    def seen(self) -> bool:
        """Whether anything may have been committed since this was asked last.

        Of a database that cannot be asked anything may be true.
        """
        try:
            found = self._version()
        except (sa.exc.SQLAlchemyError, sqlite3.Error):
            self._drop()
            found = None
        is_new = found is None or found != self._seen
        self._seen = found
        return is_new

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        self._engine.dispose()

    def _version(self) -> object:
        if self._engine.dialect.name != "sqlite":
            with self._engine.connect() as connection:
                return connection.scalar(_WRITTEN)
        # The count is one connection's: another begins anew. No transaction is begun, which would
        # show the count of its begin.
        if self._connection is None:
            self._connection = self._engine.raw_connection()
        cursor = self._connection.cursor()
        cursor.execute("PRAGMA data_version")
        row = cursor.fetchone()
        cursor.close()
        return row

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
