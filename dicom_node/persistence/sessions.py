"""Who is signed in at the pages: what signing out ends, whatever copies of a cookie there are."""

import hashlib
import secrets
from datetime import datetime

import sqlalchemy as sa

from dicom_node.persistence.access_tables import SESSIONS

_KEY_BYTES = 24


class SessionStore:
    """Sessions in the database, by the digests of the keys that cookies carry."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def begin(
        self, user_name: str, *, at: datetime, oldest: datetime, is_elsewhere: bool = False
    ) -> str:
        """Begin a session and forget those begun before ``oldest``; return the new one's key.

        ``is_elsewhere`` says that an OpenID Provider knows the user, and no password was shown.
        """
        key = secrets.token_urlsafe(_KEY_BYTES)
        row = {
            "digest": _digest(key),
            "user_name": user_name,
            "begun_at": at,
            "is_elsewhere": is_elsewhere,
        }
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.begun_at < oldest))
            connection.execute(sa.insert(SESSIONS).values(**row))
        return key

    def begun_at(self, key: str, user_name: str) -> datetime | None:
        """Return when a user's session began; None where it has ended, or never was."""
        query = sa.select(SESSIONS.c.begun_at).where(
            SESSIONS.c.digest == _digest(key), SESSIONS.c.user_name == user_name
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            found: datetime | None = connection.scalar(query)
            return found

    def end_of_passwords(self) -> int:
        """End every session that was begun with a password; return how many."""
        ours = sa.delete(SESSIONS).where(sa.not_(SESSIONS.c.is_elsewhere))
        with self._engine.begin() as connection:
            return connection.execute(ours).rowcount

    def end(self, key: str) -> None:
        """End a session."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.digest == _digest(key)))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
