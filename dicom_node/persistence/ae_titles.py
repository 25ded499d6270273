"""Administered AE titles, with an audit trail."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.application_entity import (
    ApplicationEntity,
    Compression,
    Proof,
    Role,
)
from dicom_node.domain.version import version_of
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.audit import note, stale
from dicom_node.persistence.corridor.tables import AE_TITLES, AUDIT
from dicom_node.persistence.upsert import insert_or_ignore, insert_or_replace
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.language.language import LanguageCode


class AeTitleStore:
    """The AE titles in the database: what is changed here, a running node uses at once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def find(self, title: str) -> ApplicationEntity | None:
        """Return the entry of ``title``, or None when it is unknown."""
        query = sa.select(AE_TITLES).where(AE_TITLES.c.title == title.strip(" "))
        with self._engine.connect().execution_options(read_only=True) as connection:
            row = connection.execute(query).mappings().first()
        return _entity(row) if row else None

    def get(self, title: str) -> ApplicationEntity:
        """Return the entry of ``title``.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        found = self.find(title)
        if found is None:
            raise _unknown(title)
        return found

    def all(self) -> tuple[ApplicationEntity, ...]:
        """Return every entry, by title."""
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(sa.select(AE_TITLES).order_by(AE_TITLES.c.title)).mappings()
            return tuple(_entity(row) for row in rows)

    def put(self, entity: ApplicationEntity, *, actor: str, at: datetime) -> None:
        """Add ``entity``, or replace the entry of its title, whatever that is by now."""
        with self._engine.begin() as connection:
            present = _present(connection, entity.title)
            insert_or_replace(connection, AE_TITLES, [_row(entity)])
            _note(connection, entity, present, actor=actor, at=at)

    def add(self, entity: ApplicationEntity, *, actor: str, at: datetime) -> None:
        """Add ``entity``.

        Raises
        ------
        ConflictError
            When its title is administered already.
        """
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(AE_TITLES).values(**_row(entity)))
                _note(connection, entity, None, actor=actor, at=at)
        except sa.exc.IntegrityError as error:
            raise ConflictError(
                f"AE title {entity.title} is administered already: change that entry."
            ) from error

    def replace(self, entity: ApplicationEntity, *, version: str, actor: str, at: datetime) -> None:
        """Replace the entry of the title of ``entity``, of which ``version`` was seen.

        Raises
        ------
        NotFoundError
            When there is none (any more).
        StaleEntryError
            When it has another version by now.
        """
        with self._engine.begin() as connection:
            before = _required(connection, entity.title, version)
            insert_or_replace(connection, AE_TITLES, [_row(entity)])
            _note(connection, entity, before, actor=actor, at=at)

    def remove(self, title: str, *, actor: str, at: datetime, version: str = "") -> None:
        """Remove the entry of ``title``; with a ``version``, only that one.

        Raises
        ------
        NotFoundError
            When there is none.
        StaleEntryError
            When it has another version by now.
        """
        with self._engine.begin() as connection:
            entity = _required(connection, title, version)
            connection.execute(sa.delete(AE_TITLES).where(AE_TITLES.c.title == entity.title))
            before = _said(entity)
            note(connection, "ae remove", entity.title, {}, actor=actor, at=at, before=before)

    def fill_if_empty(self, entities: Iterable[ApplicationEntity], *, at: datetime) -> int:
        """Add ``entities`` when no AE title was ever administered; return how many were added."""
        with self._engine.begin() as connection:
            if connection.scalar(sa.select(AUDIT.c.id).where(AUDIT.c.action.like("ae %")).limit(1)):
                return 0
            added = tuple(entities)
            insert_or_ignore(connection, AE_TITLES, [_row(entity) for entity in added])
            for entity in added:
                _note(connection, entity, None, actor="ae_titles.toml", at=at)
        return len(added)


def _required(connection: sa.Connection, title: str, version: str) -> ApplicationEntity:
    """Hold the row until the transaction ends, and make sure that it is what was seen.

    Without a version, whatever it is.
    """
    found = _present(connection, title)
    if found is None:
        raise _unknown(title)
    if version and version_of(found) != version:
        raise stale(connection, f"AE title {title}", title)
    return found


def _present(connection: sa.Connection, title: str) -> ApplicationEntity | None:
    query = sa.select(AE_TITLES).where(AE_TITLES.c.title == title.strip(" ")).with_for_update()
    row = connection.execute(query).mappings().first()
    return _entity(row) if row is not None else None


def _note(
    connection: sa.Connection,
    entity: ApplicationEntity,
    earlier: ApplicationEntity | None,
    *,
    actor: str,
    at: datetime,
) -> None:
    row, before = _said(entity), None if earlier is None else _said(earlier)
    note(connection, "ae put", row["title"], row, actor=actor, at=at, before=before)


def _unknown(title: str) -> NotFoundError:
    return NotFoundError(
        f"AE title {title.strip()} is not administered: `dicom-node ae list` shows those that "
        "are, `dicom-node ae add` adds one."
    )


def _row(entity: ApplicationEntity) -> dict[str, Any]:
    is_automatic = entity.compression is Compression.AUTOMATIC
    kept = Compression.SMALLEST if is_automatic else entity.compression
    return _said(entity) | {"compression": kept.value, "is_near_plain": is_automatic}


def _said(entity: ApplicationEntity) -> dict[str, Any]:
    """Return an entry as the audit trail names it."""
    return {
        "title": entity.title.strip(" "),
        "host": entity.host,
        "port": entity.port,
        "roles": sorted(role.value for role in entity.roles),
        "destinations": list(entity.destinations),
        "quiet_period": entity.quiet_period,
        "patience": entity.patience,
        "evidence": [kind.value for kind in entity.evidence],
        "description": entity.description,
        "tls": entity.tls,
        "compression": entity.compression.value,
        "url": entity.url,
        "proof": entity.proof.value,
        "callers": list(entity.callers),
        "certificates": list(entity.certificates),
        "language": entity.language.value,
        "beside": entity.beside,
    }


def _entity(row: sa.RowMapping) -> ApplicationEntity:
    return ApplicationEntity(
        title=row["title"],
        host=row["host"],
        port=row["port"],
        roles=frozenset(Role(role) for role in row["roles"]),
        destinations=tuple(row["destinations"]),
        quiet_period=row["quiet_period"],
        patience=row["patience"],
        evidence=tuple(EvidenceKind(kind) for kind in row["evidence"]),
        description=row["description"],
        tls=row["tls"],
        compression=_compression(row),
        url=row["url"],
        proof=Proof(row["proof"]),
        callers=tuple(row["callers"]),
        certificates=tuple(row["certificates"]),
        language=LanguageCode(row["language"]),
        beside=row["beside"],
    )


def _compression(row: sa.RowMapping) -> Compression:
    """An earlier version that changes an entry leaves the mark as it is."""
    kept = Compression(row["compression"])
    return Compression.AUTOMATIC if kept is Compression.SMALLEST and row["is_near_plain"] else kept
