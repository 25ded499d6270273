"""What this host is called in the database, and what it does of the work."""

import os
import re
import secrets
import socket
from pathlib import Path

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role
from dicom_node.errors import ConfigurationError

LEASE_BEATS = 3
"""A lease ends after so many beats without one: before its host counts as dead."""
_FILE = "executor-id"


def executor_id_of(settings: NodeSettings) -> str:
    """Return what this host is called in the database: as set, or made once and kept.

    Raises
    ------
    ConfigurationError
        When the name cannot be kept.
    """
    if settings.workflow.executor_id:
        return settings.workflow.executor_id
    path = settings.data_dir / _FILE
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if kept := _read(path):
            return kept
        made = f"{_plain(socket.gethostname())}-{secrets.token_hex(4)}"
        draft = path.with_name(f"{_FILE}.{os.getpid()}")
        draft.write_text(made + "\n")
        try:
            path.hardlink_to(draft)  # fails where another process was faster
        except FileExistsError:
            made = _read(path)
        finally:
            draft.unlink()
    except OSError as error:
        raise ConfigurationError(
            f"this host's name cannot be kept in {path}: {error.strerror}"
        ) from error
    return made


def role_of(settings: NodeSettings) -> Role:
    """Return what this host does.

    Raises
    ------
    ConfigurationError
        When it cannot be done with these databases.
    """
    role = Role(settings.hosts.role)
    if role is Role.ALL and not settings.shared_dir:
        return role
    for name, url in (
        ("database.url", settings.hotbase_url),
        ("database.warehouse_url", settings.warehouse_url),
        ("database.workflow_url", settings.workflow_url),
    ):
        if url.startswith("sqlite"):
            raise ConfigurationError(
                f"hosts that share the work need PostgreSQL: set {name}, or serve with --role all "
                "and without shared_dir."
            )
    if settings.hosts.dead_after < LEASE_BEATS * settings.hosts.beat:
        raise ConfigurationError("hosts.dead_after must be three times hosts.beat at least.")
    return role


def shares(settings: NodeSettings) -> bool:
    """Whether other hosts may be at work on the same database."""
    return not settings.hotbase_url.startswith("sqlite")


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", name)[:48] or "host"
