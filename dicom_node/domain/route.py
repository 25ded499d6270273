"""Routing: which model looks at which instances, decided by data (config/routes.toml).

A route is a set of conditions; every one that is given must hold. Patterns are shell-style globs
matched without regard to case, and nothing a user writes is ever evaluated as code.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether one condition of a route holds for one instance, and why."""

    condition: str
    holds: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One entry of config/routes.toml.

    Empty conditions hold for everything. ``untagged_body_part`` says what happens to an instance
    that names no body part: with True the model's own guard decides from the pixels.
    ``excluded_image_types`` are values of Image Type (0008,0008) that an instance may not have,
    such as LOCALIZER. ``destinations`` replaces the sender's own when it is given. With two
    ``readers``, two experts read each result without seeing each other's verdict, and a third
    decides where they differ.
    """

    name: str
    model: str
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    body_part_codes: frozenset[str] = frozenset()
    untagged_body_part: bool = False
    views: frozenset[str] = frozenset()
    excluded_image_types: frozenset[str] = frozenset()
    calling_ae_titles: tuple[str, ...] = ()
    manufacturers: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    urgent: bool = False
    destinations: tuple[str, ...] = ()
    readers: int = 1

    def __post_init__(self) -> None:
        """Check what cannot be checked by type.

        Raises
        ------
        ConfigurationError
            When the route asks for a number of readers that there is no procedure for.
        """
        if self.readers not in (1, 2):
            raise ConfigurationError(f"route {self.name}: readers is {self.readers}; use 1 or 2.")

    def verdicts(self, instance: ReceivedInstance) -> tuple[Verdict, ...]:
        """Return every condition of this route with what it says of ``instance``."""
        return tuple(condition(self, instance) for condition in _CONDITIONS)

    def matches(self, instance: ReceivedInstance) -> bool:
        """Whether every condition holds for ``instance``."""
        return all(verdict.holds for verdict in self.verdicts(instance))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMatch:
    """A route with the instances of a study that it wants."""

    route: Route
    sop_instance_uids: tuple[str, ...]


def matching_routes(
    routes: Iterable[Route], instances: Iterable[ReceivedInstance]
) -> tuple[RouteMatch, ...]:
    """Return the routes that want at least one of ``instances``, in the order of ``routes``."""
    present = tuple(instances)
    matches = (
        RouteMatch(
            route=route,
            sop_instance_uids=tuple(
                sorted(each.sop_instance_uid for each in present if route.matches(each))
            ),
        )
        for route in routes
    )
    return tuple(match for match in matches if match.sop_instance_uids)


def refusal_of(routes: Iterable[Route], instances: Iterable[ReceivedInstance]) -> str:
    """Say why no route wants any of ``instances``: per route, the conditions that failed."""
    present = tuple(instances)
    reasons = []
    for route in routes:
        failed = {
            verdict.reason
            for instance in present
            for verdict in route.verdicts(instance)
            if not verdict.holds
        }
        reasons.append(f"{route.name}: {', '.join(sorted(failed))}")
    return "; ".join(reasons) or "no routes are configured"


def _has_pixels(_route: Route, instance: ReceivedInstance) -> Verdict:
    return Verdict(
        condition="pixels",
        holds=instance.header.has_pixels,
        reason="has pixel data" if instance.header.has_pixels else "no pixel data",
    )


def _species(_route: Route, instance: ReceivedInstance) -> Verdict:
    species = (instance.header.patient_species or "").strip().lower()
    human = not species or "human" in species or "homo sapiens" in species
    return Verdict(
        condition="species",
        holds=human,
        reason="not said to be an animal" if human else "the patient is an animal",
    )


def _modality(route: Route, instance: ReceivedInstance) -> Verdict:
    return _one_of("modality", route.modalities, instance.header.modality)


def _body_part(route: Route, instance: ReceivedInstance) -> Verdict:
    if not route.body_parts and not route.body_part_codes:
        return Verdict(condition="body part", holds=True, reason="any body part")
    region = instance.header.anatomic_region
    code = f"{region.scheme}:{region.value}" if region else None
    if code and code in route.body_part_codes:
        reason = f"anatomic region code {code} is wanted"
        return Verdict(condition="body part", holds=True, reason=reason)
    if not instance.header.body_part_examined and not code:
        reason = "no body part in the header" + (
            ", so the model's guard decides" if route.untagged_body_part else ""
        )
        return Verdict(condition="body part", holds=route.untagged_body_part, reason=reason)
    return _one_of("body part", route.body_parts, instance.header.body_part_examined)


def _view(route: Route, instance: ReceivedInstance) -> Verdict:
    if not instance.header.view_position:
        return Verdict(condition="view", holds=True, reason="no view in the header")
    return _one_of("view", route.views, instance.header.view_position)


def _image_type(route: Route, instance: ReceivedInstance) -> Verdict:
    present = {value.strip().upper() for value in instance.header.image_type}
    unwanted = sorted(present & route.excluded_image_types)
    return Verdict(
        condition="image type",
        holds=not unwanted,
        reason=f"image type {', '.join(unwanted)} is excluded" if unwanted else "not excluded",
    )


def _calling_ae_title(route: Route, instance: ReceivedInstance) -> Verdict:
    return _like("calling AE title", route.calling_ae_titles, instance.calling_ae)


def _manufacturer(route: Route, instance: ReceivedInstance) -> Verdict:
    return _like("manufacturer", route.manufacturers, instance.header.manufacturer)


def _description(route: Route, instance: ReceivedInstance) -> Verdict:
    if not route.descriptions:
        return Verdict(condition="description", holds=True, reason="any description")
    texts = (instance.header.study_description, instance.header.series_description)
    holds = any(_globbed(text, route.descriptions) for text in texts if text)
    # Descriptions are free text and may name people: the reason does not repeat them.
    return Verdict(
        condition="description",
        holds=holds,
        reason=f"description {'matches' if holds else 'matches none of'} the patterns",
    )


_CONDITIONS: tuple[Callable[[Route, ReceivedInstance], Verdict], ...] = (
    _has_pixels,
    _species,
    _modality,
    _body_part,
    _view,
    _image_type,
    _calling_ae_title,
    _manufacturer,
    _description,
)


def _one_of(condition: str, wanted: frozenset[str], value: str | None) -> Verdict:
    if not wanted:
        return Verdict(condition=condition, holds=True, reason=f"any {condition}")
    present = (value or "").strip().upper()
    holds = present in wanted
    verb = "is" if holds else "is not one of"
    listed = "wanted" if holds else ", ".join(sorted(wanted))
    return Verdict(
        condition=condition,
        holds=holds,
        reason=f"{condition} {present or '(none)'} {verb} {listed}",
    )


def _like(condition: str, patterns: tuple[str, ...], value: str | None) -> Verdict:
    if not patterns:
        return Verdict(condition=condition, holds=True, reason=f"any {condition}")
    holds = _globbed(value or "", patterns)
    return Verdict(
        condition=condition,
        holds=holds,
        reason=f"{condition} {'matches' if holds else 'matches none of'} {', '.join(patterns)}",
    )


def _globbed(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text.upper(), pattern.upper()) for pattern in patterns)
