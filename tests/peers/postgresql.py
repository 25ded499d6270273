"""A real PostgreSQL on a free port, with a cluster of its own that ends with the tests."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def postgresql() -> Iterator[PostgreSql]:
    """Make a cluster in a folder of its own and run it; it refuses to run as root.

    Not in pytest's temporary folder: that one lets nobody but its owner in.
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
    port = free_port()
    command = [
        *as_user, str(binaries / "postgres"), "-D", str(cluster), "-p", str(port),
        "-c", "listen_addresses=127.0.0.1", "-k", str(cluster), "-c", "fsync=off",
    ]  # fmt: skip
    server = PostgreSql(port=port)
    # "Fast" shutdown: SIGTERM would wait for whoever left a connection open.
    with running(command, log=folder / "postgresql.log", ready=server.is_ready, stop=signal.SIGINT):
        yield server
    shutil.rmtree(folder, ignore_errors=True)
