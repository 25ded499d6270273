"""Who is signed in at the pages: what signing out ends, whatever copies of a cookie there are."""

import hashlib
import secrets
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.user import UserSession
from dicom_node.persistence.access_tables import SESSIONS
from dicom_node.persistence.corridor.tables import USERS
from dicom_node.persistence.users import user_of

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

    def find(self, key: str, user_name: str) -> UserSession | None:
        """Return a user's session, with the user as they are now; None where there is none.

        There is none where it has ended, where it never was, and where the user is no more.
        """
        query = (
            sa.select(USERS, SESSIONS.c.begun_at)
            .join(SESSIONS, SESSIONS.c.user_name == USERS.c.name)
            .where(SESSIONS.c.digest == _digest(key), USERS.c.name == user_name)
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else UserSession(user=user_of(row), begun_at=row["begun_at"])

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
