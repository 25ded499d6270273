"""Routes: which model looks at which images; checked before they count, and tried on what came."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import TypeAdapter

from dicom_node.administration.entries import UNSEEN, has_unseen, read_entry
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import ConditionResult, Route, RouteSet
from dicom_node.domain.route_matching import doubtful_instances, matching_routes
from dicom_node.domain.study import StudyRecord
from dicom_node.domain.version import version_of
from dicom_node.errors import ConflictError, InvalidFieldsError, NodeError, StaleEntryError

ROUTE_ENTRY: TypeAdapter[Route] = TypeAdapter(Route)
TRIED_STUDIES = 100
_LONGEST_NAME = 64


class RouteBook(Protocol):
    """Routes that were changed at run time."""

    def newest(self) -> RouteSet | None:
        """Return the newest set; None where the file's routes count."""

    def change(
        self,
        edit: Callable[[RouteSet | None], tuple[Route, ...] | None],
        *,
        subject: str,
        actor: str,
        at: datetime,
        of_file: Sequence[Route] = (),
    ) -> None:
        """Keep what ``edit`` makes of the newest set; ``of_file`` counts without one."""


class Received(Protocol):
    """What came: studies and their instances."""

    def recent(self, limit: int = 20) -> tuple[StudyRecord, ...]:
        """Return the studies that received something last."""

    def instances(self, study_instance_uid: str) -> tuple[ReceivedInstance, ...]:
        """Return the instances of a study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What one route says of an instance; ``asks_pixels`` where these would decide."""

    route: Route
    wants: bool
    asks_pixels: bool
    verdicts: tuple[ConditionResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a change of routes would have done to one study: the routes that want it."""

    study: StudyRecord
    before: tuple[str, ...]
    after: tuple[str, ...]
    asks_pixels: bool


class Routes:
    """Administers routes; a running node uses changes from the next study on."""

    def __init__(
        self,
        book: RouteBook,
        *,
        of_file: tuple[Route, ...],
        require_servable: Callable[[Route], None],
        is_peer: Callable[[str], bool],
        is_node: Callable[[str], bool],
        received: Callable[[], Received],
        clock: Callable[[], datetime],
    ) -> None:
        """Keep the parts.

        ``of_file`` are the routes of config/routes.toml; ``require_servable`` raises where a
        route's model cannot be used for it; ``is_peer`` says whether an AE title is administered,
        ``is_node`` whether what is sent to it would come back to the node; ``received`` what came,
        where something is tried on it.
        """
        self._book = book
        self._of_file = of_file
        self._require_servable = require_servable
        self._is_peer = is_peer
        self._is_node = is_node
        self._received = received
        self._clock = clock

    def current(self) -> RouteSet:
        """Return the routes that count now."""
        return self._book.newest() or RouteSet(routes=self._of_file)

    def in_use(self) -> tuple[Route, ...]:
        """Return the routes that count now, for the stages that ask."""
        return self.current().routes

    def read(self, values: Mapping[str, Any]) -> Route:
        """Return the route that is described.

        Raises
        ------
        InvalidFieldsError
            When fields cannot be used; it says of each why.
        """
        return read_entry(ROUTE_ENTRY, values, f"route {values.get('name', '')}")

    def check(self, route: Route) -> None:
        """Refuse a route that could not work.

        Raises
        ------
        InvalidFieldsError
            When its model cannot be used for it, or a destination is not administered or the node.
        """
        wrong = {}
        if not 1 <= len(route.name.strip()) <= _LONGEST_NAME:
            wrong["name"] = f"give a name of at most {_LONGEST_NAME} characters."
        elif has_unseen(route.name, lines=False):
            wrong["name"] = UNSEEN
        if unknown := [title for title in route.destinations if not self._is_peer(title)]:
            wrong["destinations"] = f"{', '.join(unknown)} is not administered: add it first."
        elif here := [title for title in route.destinations if self._is_node(title)]:
            wrong["destinations"] = (
                f"{', '.join(here)} is at this node's own address: results would come back to it."
            )
        if not route.model:
            wrong["model"] = "choose a model."
        else:
            try:
                self._require_servable(route)
            except NodeError as error:
                wrong["model"] = str(error)
        if wrong:
            raise InvalidFieldsError(f"route {route.name}", wrong)

    def add(self, route: Route, *, actor: str) -> None:
        """Add a route behind the others.

        Raises
        ------
        InvalidFieldsError
            When it could not work.
        ConflictError
            When there is one of that name.
        """
        self.check(route)

        def edit(routes: tuple[Route, ...]) -> tuple[Route, ...]:
            if any(each.name == route.name for each in routes):
                raise ConflictError(f"there is a route {route.name} already.")
            return (*routes, route)

        self._change(edit, route.name, actor)

    def change(self, route: Route, *, version: str, actor: str) -> None:
        """Replace the route of that name, of which ``version`` was seen.

        Raises
        ------
        InvalidFieldsError
            When it could not work.
        NotFoundError
            When there is none of that name.
        StaleEntryError
            When somebody else has changed it since.
        """
        self.check(route)
        self._change(
            lambda routes: replaced(_seen(routes, route.name, version), route), route.name, actor
        )

    def remove(self, name: str, *, version: str, actor: str) -> None:
        """Remove a route: its studies go to no model from then on.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        StaleEntryError
            When somebody else has changed it since.
        """
        self._change(
            lambda routes: tuple(
                each for each in _seen(routes, name, version) if each.name != name
            ),
            name,
            actor,
        )

    def reset(self, *, actor: str) -> None:
        """Go back to the routes of config/routes.toml."""
        self._book.change(
            lambda _present: None, subject="routes.toml", actor=actor, at=self._clock()
        )

    def explain(
        self, instance: ReceivedInstance, routes: Sequence[Route] | None = None
    ) -> tuple[Explanation, ...]:
        """Say of each route whether it wants an instance, and which conditions hold.

        Where pixels would decide they are not asked here: that is said.
        """
        return tuple(
            Explanation(
                route=route,
                wants=route.matches(instance),
                asks_pixels=bool(route.doubts(instance)),
                verdicts=route.verdicts(instance),
            )
            for route in (self.in_use() if routes is None else routes)
        )

    def explain_study(self, study_instance_uid: str) -> tuple[Explanation, ...]:
        """Say the same of a past study: of its first image that a route wants, or the first."""
        instances = self._received().instances(study_instance_uid)
        routes = self.in_use()
        wanted = (each for each in instances if any(route.matches(each) for route in routes))
        first = next(wanted, instances[0] if instances else None)
        return self.explain(first, routes) if first is not None else ()

    def try_out(self, routes: Sequence[Route]) -> tuple[Trial, ...]:
        """Say what these routes would have done to the last hundred studies, newest first.

        By their headers alone: where pixels would decide, that is said.
        """
        present = self.in_use()
        return tuple(
            self._trial(study, present, routes) for study in self._received().recent(TRIED_STUDIES)
        )

    def _trial(
        self, study: StudyRecord, present: Sequence[Route], routes: Sequence[Route]
    ) -> Trial:
        instances = self._received().instances(study.study_instance_uid)
        return Trial(
            study=study,
            before=_names(present, instances),
            after=_names(routes, instances),
            asks_pixels=bool(doubtful_instances(routes, instances)),
        )

    def _change(
        self, edit: Callable[[tuple[Route, ...]], tuple[Route, ...]], subject: str, actor: str
    ) -> None:
        self._book.change(
            lambda present: edit(present.routes if present is not None else self._of_file),
            subject=subject,
            actor=actor,
            at=self._clock(),
            of_file=self._of_file,
        )


def replaced(routes: Iterable[Route], route: Route) -> tuple[Route, ...]:
    """Return ``routes`` with the one of the name of ``route`` replaced, or that one added."""
    present = tuple(routes)
    if not any(each.name == route.name for each in present):
        return (*present, route)
    return tuple(route if each.name == route.name else each for each in present)


def _seen(routes: tuple[Route, ...], name: str, version: str) -> tuple[Route, ...]:
    """Make sure that a route still is what was seen."""
    route = RouteSet(routes=routes).named(name)
    if version_of(route) != version:
        raise StaleEntryError(
            f"route {name} was changed after you had opened it: look at it as it is now, and "
            "change that."
        )
    return routes


def _names(routes: Sequence[Route], instances: Sequence[ReceivedInstance]) -> tuple[str, ...]:
    return tuple(match.route.name for match in matching_routes(routes, instances))
