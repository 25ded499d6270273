"""The people who may sign in, with their password hashes, and an audit trail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.user import Identity, User, UserRole
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.access_tables import IDENTITIES, SESSIONS
from dicom_node.persistence.audit import note, stale
from dicom_node.persistence.corridor.tables import USERS


class UserStore:
    """Users in the database: what is changed here, a running node uses at once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self) -> tuple[User, ...]:
        """Return every user, by name."""
        with self._read() as connection:
            rows = connection.execute(sa.select(USERS).order_by(USERS.c.name)).mappings()
            return tuple(user_of(row) for row in rows)

    def find(self, name: str) -> User | None:
        """Return one user, or None."""
        with self._read() as connection:
            row = connection.execute(sa.select(USERS).where(USERS.c.name == name)).mappings()
            found = row.first()
        return user_of(found) if found else None

    def get(self, name: str) -> User:
        """Return one user.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        found = self.find(name)
        if found is None:
            raise _unknown(name)
        return found

    def password_hash(self, name: str) -> str | None:
        """Return the hash of a user's password; None for one who has none, or does not exist."""
        with self._read() as connection:
            found: str | None = connection.scalar(
                sa.select(USERS.c.password_hash).where(USERS.c.name == name)
            )
            return found or None

    def named(self, identity: Identity) -> str | None:
        """Return the name of who somebody at an OpenID Provider is here, or None."""
        query = sa.select(IDENTITIES.c.user_name).where(
            IDENTITIES.c.issuer == identity.issuer, IDENTITIES.c.subject == identity.subject
        )
        with self._read() as connection:
            found: str | None = connection.scalar(query)
            return found

    def enroll(self, user: User, identity: Identity, *, actor: str, at: datetime) -> None:
        """Add a user who signs in at an OpenID Provider and has no password here.

        Raises
        ------
        ConflictError
            When there is one of that name, or that is somebody here already.
        """
        known = {"issuer": identity.issuer, "subject": identity.subject, "user_name": user.name}
        self._add(user, "", known, actor=actor, at=at)

    def add(self, user: User, password_hash: str, *, actor: str, at: datetime) -> None:
        """Add a user.

        Raises
        ------
        ConflictError
            When there is one of that name.
        """
        self._add(user, password_hash, None, actor=actor, at=at)

    def _add(
        self,
        user: User,
        password_hash: str,
        identity: dict[str, str] | None,
        *,
        actor: str,
        at: datetime,
    ) -> None:
        values = {**_row(user), "password_hash": password_hash, "created_at": at}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(USERS).values(**values))
                if identity is not None:
                    connection.execute(sa.insert(IDENTITIES).values(**identity))
                note(connection, "user add", user.name, sorted(user.roles), actor=actor, at=at)
        except sa.exc.IntegrityError as error:
            raise ConflictError(f"user {user.name} exists already.") from error

    def remove(self, name: str, *, actor: str, at: datetime) -> None:
        """Forget a user; what verdicts and the audit trail say of them stays.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        with self._engine.begin() as connection:
            before = _said(connection, name)
            connection.execute(sa.delete(USERS).where(USERS.c.name == name))
            # Whoever gets the name next is somebody else.
            connection.execute(sa.delete(IDENTITIES).where(IDENTITIES.c.user_name == name))
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.user_name == name))
            note(connection, "user remove", name, [], actor=actor, at=at, before=before)

    def change(self, user: User, *, actor: str, at: datetime, epoch: int | None = None) -> None:
        """Replace what is known about a user; sessions begun before this end.

        With an ``epoch``, only if nobody else has changed the user since that one.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        StaleEntryError
            When the user has another epoch by now.
        """
        values = _row(user)
        self._update(
            user.name, values, "user change", _detail(user), actor=actor, at=at, epoch=epoch
        )

    def set_password(self, name: str, password_hash: str, *, actor: str, at: datetime) -> None:
        """Give a user another password; sessions begun before this end.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        values = {"password_hash": password_hash}
        self._update(name, values, "user password", [], actor=actor, at=at)

    def set_reads_first(self, name: str, value: bool) -> None:
        """Keep whether somebody wants to read before seeing a result; sessions go on."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(USERS).where(USERS.c.name == name).values(reads_first=value)
            )

    def choose_language(self, name: str, language: str) -> None:
        """Keep in which language a user wants pages; no session ends for it."""
        chosen = sa.update(USERS).where(USERS.c.name == name).values(language=language)
        with self._engine.begin() as connection:
            connection.execute(chosen)

    def _update(
        self,
        name: str,
        values: dict[str, Any],
        action: str,
        detail: Sequence[str],
        *,
        actor: str,
        at: datetime,
        epoch: int | None = None,
    ) -> None:
        with self._engine.begin() as connection:
            if epoch is not None:
                _require_epoch(connection, name, epoch)
            before = _said(connection, name)
            connection.execute(
                sa.update(USERS)
                .where(USERS.c.name == name)
                .values({**values, "epoch": USERS.c.epoch + 1})
            )
            # Of a password nothing is said, neither before nor after.
            was = before if detail else None
            note(connection, action, name, list(detail), actor=actor, at=at, before=was)

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _require_epoch(connection: sa.Connection, name: str, epoch: int) -> None:
    """Hold the row until the transaction ends, and make sure that it is what was seen."""
    query = sa.select(USERS.c.epoch).where(USERS.c.name == name).with_for_update()
    if connection.scalar(query) not in (None, epoch):
        raise stale(connection, f"user {name}", name)


def _said(connection: sa.Connection, name: str) -> list[str]:
    """Return what a user may do, as it is noted; hold the row until the transaction ends."""
    query = sa.select(USERS).where(USERS.c.name == name).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise _unknown(name)
    return _detail(user_of(row))


def _detail(user: User) -> list[str]:
    return [*sorted(user.roles), *(["disabled"] if user.disabled else [])]


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"user {name} does not exist: `dicom-node users list` shows all.")


def _row(user: User) -> dict[str, Any]:
    return {
        "name": user.name,
        "title": user.title,
        "organization": user.organization,
        "roles": sorted(role.value for role in user.roles),
        "disabled": user.disabled,
        "epoch": user.epoch,
        "reads_first": user.reads_first,
    }


def user_of(row: sa.RowMapping) -> User:
    """Return the user whom a row of the table of users describes."""
    return User(
        name=row["name"],
        title=row["title"],
        organization=row["organization"],
        roles=frozenset(UserRole(role) for role in row["roles"]),
        disabled=row["disabled"],
        epoch=row["epoch"],
        reads_first=row["reads_first"],
        language=row["language"],
    )
