"""Commands start with a database that is up to date, and hash passwords at the least cost."""

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from dicom_node.configuration import passwords
from dicom_node.persistence import upgrading
from tests.schema import copy_schema


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy the schema into a new database; a database of an earlier version is migrated."""
    monkeypatch.setattr(upgrading, "upgrade", copy_schema)
    cheap = Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHash((cheap,)))
