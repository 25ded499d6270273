"""A real PostgreSQL on a free port, with a cluster of its own that ends with the tests."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.peers.process import free_port, running

_BIN = Path("/usr/lib/postgresql")
_USER = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgreSql:
    """A running server; every ``database`` is a new one."""

    port: int
    life: "Life"

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


class Life:
    """Starts and ends the server's process."""

    def __init__(self, start: Callable[[], AbstractContextManager[object]]) -> None:
        self._start = start
        self._running = ExitStack()

    def come(self) -> None:
        """Start; return when it takes connections."""
        self._running.enter_context(self._start())

    def go(self) -> None:
        """End."""
        self._running.close()


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
