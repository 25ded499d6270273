"""Routes that were changed at run time: each change is a new set, and the newest counts."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from dicom_node.domain.route import Route, RouteSet
from dicom_node.errors import ConfigurationError, StaleEntryError
from dicom_node.persistence.access_tables import ROUTE_SETS
from dicom_node.persistence.audit import note

_ROUTES: TypeAdapter[tuple[Route, ...]] = TypeAdapter(tuple[Route, ...])


class RouteStore:
    """Sets of routes in the database; without one, or with an empty one, the file's count."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def newest(self) -> RouteSet | None:
        """Return the newest set; None where the file's routes count.

        Raises
        ------
        ConfigurationError
            When it was written by another version, and cannot be read.
        """
        with self._engine.connect().execution_options(read_only=True) as connection:
            return _newest(connection)[1]

    def change(
        self,
        edit: Callable[[RouteSet | None], tuple[Route, ...] | None],
        *,
        subject: str,
        actor: str,
        at: datetime,
        of_file: Sequence[Route] = (),
    ) -> None:
        """Keep what ``edit`` makes of the newest set; None for the file's routes, ``of_file``.

        Raises
        ------
        StaleEntryError
            When somebody else changes the routes at the same moment.
        """
        try:
            with self._engine.begin() as connection:
                revision, present = _newest(connection)
                routes = edit(present)
                kept = _ROUTES.dump_python(routes, mode="json") if routes is not None else None
                row = {"revision": revision + 1, "at": at, "actor": actor, "routes": kept}
                connection.execute(sa.insert(ROUTE_SETS).values(**row))
                was = present.routes if present is not None else tuple(of_file)
                before = _named(_ROUTES.dump_python(was, mode="json"), subject)
                changed: Any = _named(kept or (), subject) or {}
                note(
                    connection,
                    "route change",
                    subject,
                    changed,
                    actor=actor,
                    at=at,
                    before=before,
                )
        except sa.exc.IntegrityError as error:
            raise StaleEntryError(
                "the routes are being changed by somebody else: again."
            ) from error


def _named(routes: Iterable[Any], name: str) -> Any:
    return next((each for each in routes if each["name"] == name), None)


def _newest(connection: sa.Connection) -> tuple[int, RouteSet | None]:
    query = sa.select(ROUTE_SETS).order_by(ROUTE_SETS.c.revision.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    if row is None or row["routes"] is None:
        return (row["revision"] if row else 0), None
    try:
        routes = _ROUTES.validate_python(row["routes"])
    except ValidationError as error:
        raise ConfigurationError(
            f"the routes of revision {row['revision']} cannot be read by this version: "
            "`dicom-node route reset` goes back to config/routes.toml."
        ) from error
    found = RouteSet(routes=routes, revision=row["revision"], actor=row["actor"], at=row["at"])
    return row["revision"], found
