"""Machine tokens: kept as digests, so that whoever reads the database can use none."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.machine_token import MachineToken
from dicom_node.domain.user import Permission
from dicom_node.errors import NotFoundError
from dicom_node.persistence.access_tables import MACHINE_TOKENS
from dicom_node.persistence.audit import note


class MachineTokenStore:
    """Machine tokens in the database: a revoked one is refused at once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self) -> tuple[MachineToken, ...]:
        """Return every token, by owner and name."""
        query = sa.select(MACHINE_TOKENS).order_by(MACHINE_TOKENS.c.owner, MACHINE_TOKENS.c.name)
        with self._read() as connection:
            return tuple(map(_token, connection.execute(query).mappings()))

    def find(self, digest: str) -> MachineToken | None:
        """Return the token whose text has a digest, or None."""
        query = sa.select(MACHINE_TOKENS).where(MACHINE_TOKENS.c.digest == digest)
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return _token(row) if row else None

    def add(self, token: MachineToken, digest: str, *, actor: str) -> None:
        """Keep a new token."""
        scopes = sorted(token.scopes)
        row = {
            "token_id": token.token_id,
            "digest": digest,
            "name": token.name,
            "owner": token.owner,
            "scopes": scopes,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "ae_title": token.ae_title,
        }
        with self._engine.begin() as connection:
            connection.execute(sa.insert(MACHINE_TOKENS).values(**row))
            detail = {"name": token.name, "scopes": scopes}
            note(connection, "token add", token.owner, detail, actor=actor, at=token.created_at)

    def remove(self, token_id: str, *, actor: str, at: datetime) -> MachineToken:
        """Forget a token; return which it was.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        with self._engine.begin() as connection:
            where = MACHINE_TOKENS.c.token_id == token_id
            row = connection.execute(sa.select(MACHINE_TOKENS).where(where)).mappings().first()
            if row is None:
                raise NotFoundError(f"token {token_id} does not exist (any more).")
            token = _token(row)
            connection.execute(sa.delete(MACHINE_TOKENS).where(where))
            detail = {"name": token.name}
            before = {"name": token.name, "scopes": sorted(token.scopes)}
            note(connection, "token remove", token.owner, detail, actor=actor, at=at, before=before)
        return token

    def used(self, token_id: str, at: datetime) -> None:
        """Note that a token was used."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(MACHINE_TOKENS)
                .where(MACHINE_TOKENS.c.token_id == token_id)
                .values(last_used_at=at)
            )

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _token(row: sa.RowMapping) -> MachineToken:
    values: dict[str, Any] = {name: row[name] for name in row if name not in ("digest", "scopes")}
    return MachineToken(**values, scopes=frozenset(map(Permission, row["scopes"])))
