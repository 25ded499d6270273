"""Which routes want what of a study, and why none does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import AppearanceCheck, ConditionResult, Route, TagDoubt


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMatch:
    """A route with the instances of a study that it wants; some only because of their pixels."""

    route: Route
    sop_instance_uids: tuple[str, ...]
    doubts: tuple[TagDoubt, ...] = ()


Looks = Mapping[str, AppearanceCheck]
"""What the pixels of images show, by SOP Instance UID, of those that were looked at."""


def doubtful_instances(
    routes: Iterable[Route], instances: Iterable[ReceivedInstance]
) -> tuple[ReceivedInstance, ...]:
    """Return the instances whose pixels a route wants to be asked, each once."""
    present = tuple(routes)
    return tuple(each for each in instances if any(route.asks_pixels(each) for route in present))


def matching_routes(
    routes: Iterable[Route], instances: Iterable[ReceivedInstance], looks: Looks | None = None
) -> tuple[RouteMatch, ...]:
    """Return the routes that want at least one of ``instances``, in the order of ``routes``."""
    present = tuple(instances)
    matches = (_match(route, present, looks or {}) for route in routes)
    return tuple(match for match in matches if match.sop_instance_uids)


def without_rejected(match: RouteMatch, rejected: frozenset[str]) -> RouteMatch:
    """Leave out what was rejected, where something valid remains."""
    valid = tuple(uid for uid in match.sop_instance_uids if uid not in rejected)
    if not valid:
        return match
    doubts = tuple(each for each in match.doubts if each.sop_instance_uid not in rejected)
    return replace(match, sop_instance_uids=valid, doubts=doubts)


def kept_out_by_pixels(
    routes: Iterable[Route], instances: Iterable[ReceivedInstance], looks: Looks
) -> tuple[ReceivedInstance, ...]:
    """Return the instances that no route wants for what they show, and one by their tags alone."""
    present, every = tuple(routes), tuple(instances)
    matches = matching_routes(present, every, looks)
    taken = frozenset(uid for match in matches for uid in match.sop_instance_uids)
    return tuple(
        each
        for each in every
        if each.sop_instance_uid not in taken and any(route.matches(each) for route in present)
    )


def _match(route: Route, instances: tuple[ReceivedInstance, ...], looks: Looks) -> RouteMatch:
    plain = [
        each.sop_instance_uid
        for each in instances
        if route.matches(each, looks.get(each.sop_instance_uid))
    ]
    doubts = tuple(
        TagDoubt(
            sop_instance_uid=each.sop_instance_uid,
            tags=", ".join(verdict.reason for verdict in failed),
            pixels=look.words,
        )
        for each in instances
        if each.sop_instance_uid not in plain
        and (failed := route.doubts(each))
        and (look := looks.get(each.sop_instance_uid))
        and look.body_part
        and route.wants(look.body_part)
    )
    wanted = sorted((*plain, *(doubt.sop_instance_uid for doubt in doubts)))
    return RouteMatch(route=route, sop_instance_uids=tuple(wanted), doubts=doubts)


def refusal_of(
    routes: Iterable[Route], instances: Iterable[ReceivedInstance], looks: Looks | None = None
) -> str:
    """Say why no route wants any of ``instances``: per route, the conditions that failed."""
    return _refusal(routes, instances, looks or {}, lambda verdict: verdict.reason)


def told_refusal_of(
    routes: Iterable[Route], instances: Iterable[ReceivedInstance], looks: Looks | None = None
) -> str:
    """Say the same for a result object: in the routes' own words, without values of a header."""
    return _refusal(routes, instances, looks or {}, lambda verdict: verdict.told or verdict.reason)


def _refusal(
    routes: Iterable[Route],
    instances: Iterable[ReceivedInstance],
    looks: Looks,
    words_of: Callable[[ConditionResult], str],
) -> str:
    present = tuple(instances)
    reasons = []
    for route in routes:
        failed = {
            words_of(verdict)
            for instance in present
            for verdict in route.verdicts(instance, looks.get(instance.sop_instance_uid))
            if not verdict.holds
        }
        reasons.append(f"{route.name}: {', '.join(sorted(failed))}")
    if typed := sorted({look.words for look in looks.values() if look.is_typed}):
        reasons.insert(0, f"{', '.join(typed)}; no model for it")
    elif seen := sorted({look.words for look in looks.values()}):
        reasons.append(f"the pixels were asked too: {', '.join(seen)}")
    return "; ".join(reasons) or "no routes are configured"
