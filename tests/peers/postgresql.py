"""A real PostgreSQL on a free port, with a cluster of its own that ends with the tests."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from tests.peers.process import free_port, running, wait_until

_BIN = Path("/usr/lib/postgresql")
_USER = "node"
_END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Migrations fill one table. To truncate one that is empty takes as long as one that is full.
_EMPTY = """
DO $$ DECLARE name text; is_filled boolean; BEGIN
  FOR name IN SELECT tablename FROM pg_tables
      WHERE schemaname = 'public' AND tablename <> 'alembic_version' LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
    IF is_filled THEN EXECUTE format('TRUNCATE %I CASCADE', name); END IF;
  END LOOP;
  FOR name IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL LOOP
    EXECUTE format('ALTER SEQUENCE %I RESTART', name);
  END LOOP;
END $$
"""


class Failure(Enum):
    """How a server fails."""

    FAST = "stopped by its administrator"
    IMMEDIATE = "stopped at once, without a checkpoint"
    BACKEND = "a process of a connection killed: all others are ended, and it recovers"
    KILLED = "its first process killed"
    STOPPED = "answers nobody for a while"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSql:
    """A running server; every ``database`` is a new one."""

    port: int
    life: "Life"

    def fail(self, how: "Failure", *, stopped: float = 3.0) -> None:
        """Fail in one of the ways in which databases do, and come back.

        ``stopped`` are the seconds for which it answers nobody, of `Failure.STOPPED`.
        """
        match how:
            case Failure.FAST:
                self.life.end_by(signal.SIGINT)
                self.life.come()
            case Failure.IMMEDIATE:
                self.life.end_by(signal.SIGQUIT)
                self.life.come()
            case Failure.KILLED:
                self.life.end_by(signal.SIGKILL)
                self.life.come()
            case Failure.BACKEND:
                self.life.kill_a_backend(self._somebody())
                wait_until(self.is_ready, "the server to recover")
            case Failure.STOPPED:
                self.life.send(signal.SIGSTOP)
                time.sleep(stopped)
                self.life.send(signal.SIGCONT)

    def _somebody(self) -> int:
        """Return the process of some other connection than the one that asks."""
        query = (
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid() LIMIT 1"
        )
        admin = sa.create_engine(self._url("postgres"))
        try:
            with admin.connect() as connection:
                return int(connection.scalar(sa.text(query)) or 0)
        finally:
            admin.dispose()

    def restart(self) -> None:
        """Break every connection off at once, as after a crash, and come back."""
        self.life.go()
        self.life.come()

    def database(self, name: str, template: str = "template1") -> str:
        """Create a database, empty or as another one is, and return its URL."""
        admin = sa.create_engine(self._url("postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(sa.text(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'))
        admin.dispose()
        return self._url(name).replace("+psycopg", "")

    def is_ready(self) -> bool:
        """Tell whether it takes connections: it listens before it does."""
        admin = sa.create_engine(self._url("postgres"))
        try:
            with admin.connect():
                return True
        except sa.exc.OperationalError:
            return False
        finally:
            admin.dispose()

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{name}"


def empty(url: str) -> None:
    """Take every row out of a migrated database, and let its sequences begin again.

    Whoever is still connected is sent away: a lock of theirs would be waited for.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_END_OTHERS)
        connection.execute(_EMPTY)


def tables(url: str) -> list[str]:
    """Return the names of a database's tables, each with its schema's."""
    query = (
        "SELECT schemaname || '.' || tablename FROM pg_tables "
        "WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
    )
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute(query)]


class Life:
    """Starts and ends the server's process."""

    def __init__(
        self, start: Callable[[], AbstractContextManager["subprocess.Popen[bytes]"]]
    ) -> None:
        self._start = start
        self._running = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None

    def come(self) -> None:
        """Start; return when it takes connections."""
        self._process = self._running.enter_context(self._start())

    def go(self) -> None:
        """End."""
        self._running.close()

    def end_by(self, number: signal.Signals) -> None:
        """End by a signal, and return when nothing is left of it."""
        backends = self._backends()
        self.send(number)
        assert self._process is not None
        self._process.wait(60)
        self.go()
        # Who is left of a server that was killed keeps another from starting.
        wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in backends), "its end")

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server's first process."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill_a_backend(self, pid: int) -> None:
        """End a process that serves a connection, as the machine does for want of memory."""
        assert pid in self._backends()
        os.kill(pid, signal.SIGKILL)

    def _backends(self) -> tuple[int, ...]:
        assert self._process is not None
        pid = self._process.pid
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return tuple(map(int, told))


@contextmanager
def postgresql(network: str = "", address: str = "127.0.0.1") -> Iterator[PostgreSql]:
    """Make a cluster in a folder of its own and run it; it refuses to run as root.

    Whoever is in ``network`` may reach it too, at ``address``. Not in pytest's temporary folder:
    that one lets nobody but its owner in.
    """
    found = sorted(_BIN.glob("*/bin/initdb"))
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
    binaries = found[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="test-postgresql-"))
    cluster = folder / "cluster"
    as_user: list[str] = []
    if os.geteuid() == 0:
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
    subprocess.run(
        [*as_user, binaries / "initdb", "-D", cluster, "-U", _USER, "-A", "trust", "--no-sync"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    if network:
        with (cluster / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {network} trust\n")
    port = free_port()
    listened = ",".join(dict.fromkeys(("127.0.0.1", address)))
    command = [
        *as_user, str(binaries / "postgres"), "-D", str(cluster), "-p", str(port),
        "-c", f"listen_addresses={listened}", "-k", str(cluster), "-c", "fsync=off",
    ]  # fmt: skip
    life = Life(
        # "Fast" shutdown: SIGTERM would wait for whoever left a connection open.
        lambda: running(
            command, log=folder / "postgresql.log", ready=server.is_ready, stop=signal.SIGINT
        )
    )
    server = PostgreSql(port=port, life=life)
    life.come()
    try:
        yield server
    finally:
        life.go()
    shutil.rmtree(folder, ignore_errors=True)
