"""Who is alive among the hosts of one database, by its clock, and who does what all need once."""

from collections.abc import Iterable

import sqlalchemy as sa

from dicom_node.domain.host import Host, Role, Sign
from dicom_node.persistence.host_tables import HOSTS, LEASES
from dicom_node.persistence.upsert import insert_or_replace_one


class HostStore:
    """The table of hosts."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._now = database_seconds(engine)

    def now(self) -> float:
        """Return what the database's clock says, in seconds since 1970."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            return float(connection.scalar(sa.select(self._now)) or 0.0)

    def beat(self, sign: Sign) -> None:
        """Give a sign of life."""
        row = {
            "executor_id": sign.executor_id,
            "role": sign.role.value,
            "name": sign.name,
            "version": sign.version,
            "contract": sign.contract,
            "skew": sign.skew,
            "status": sign.status,
            "beat": self._now,
            "relieved": False,
        }
        with self._engine.begin() as connection:
            insert_or_replace_one(connection, HOSTS, row)

    def all(self) -> tuple[Host, ...]:
        """Return every host that is known, by name."""
        query = sa.select(HOSTS, (self._now - HOSTS.c.beat).label("silent")).order_by(
            HOSTS.c.name, HOSTS.c.executor_id
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(
                Host(
                    sign=Sign(
                        executor_id=row["executor_id"],
                        role=Role(row["role"]),
                        name=row["name"],
                        version=row["version"],
                        contract=row["contract"],
                        skew=row["skew"],
                        status=row["status"],
                    ),
                    silent=max(0.0, float(row["silent"])),
                    is_relieved=row["relieved"],
                )
                for row in connection.execute(query).mappings()
            )

    def relieve(self, executor_id: str, *, silent: float) -> None:
        """Note that what a host left is taken over, if it has still been silent for so long."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(HOSTS)
                .where(HOSTS.c.executor_id == executor_id, HOSTS.c.beat < self._now - silent)
                .values(relieved=True)
            )

    def leave(self, executor_id: str) -> None:
        """Forget a host that has stopped in order."""
        self.forget([executor_id])

    def forget(self, executor_ids: Iterable[str]) -> None:
        """Forget hosts."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(HOSTS).where(HOSTS.c.executor_id.in_(list(executor_ids))))
            connection.execute(
                sa.delete(LEASES).where(LEASES.c.executor_id.in_(list(executor_ids)))
            )

    def hold(self, name: str, executor_id: str, *, seconds: float) -> bool:
        """Take a lease, or hold it for longer; return whether it is this host's."""
        free = sa.or_(LEASES.c.executor_id == executor_id, LEASES.c.until < self._now)
        row = {"name": name, "executor_id": executor_id, "until": self._now + seconds}
        with self._engine.begin() as connection:
            return insert_or_replace_one(connection, LEASES, row, where=free)


def database_seconds(engine: sa.Engine) -> sa.ColumnElement[float]:
    """Return the database's clock as SQL, in seconds since 1970."""
    if engine.dialect.name == "postgresql":
        return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Float)
    return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Float)
