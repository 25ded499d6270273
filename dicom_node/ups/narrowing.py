"""What of a query a store can use: the keys that its columns know."""

from collections.abc import Iterable, Mapping

from dicom_node.domain.procedure_step import StepState
from dicom_node.query.keys import SCHEDULED_KEYS, STEP_KEYS, QueryKey
from dicom_node.query.matching import Key
from dicom_node.query.moments import Interval, dates, interval
from dicom_node.query.reading import by_path
from dicom_node.ups.ports import StepQuery

# The columns that are the study's own; the others are of the step.
_OF_THE_STEP = frozenset({"uids", "states", "scheduled", "study_instance_uids"})
_WAITING = frozenset({StepState.SCHEDULED, StepState.IN_PROGRESS})


def step_query(keys: tuple[Key, ...]) -> StepQuery:
    """Return what a store narrows a search for procedure steps by."""
    # A state with a wildcard, or one that is none, is left to the matching of data sets.
    return _narrowed(_columns(keys, STEP_KEYS))


def modality_query(keys: tuple[Key, ...]) -> StepQuery:
    """Return what a store narrows a Modality Worklist search by."""
    return _narrowed(_columns(keys, SCHEDULED_KEYS), states=_WAITING)


def _columns(keys: Iterable[Key], table: Iterable[QueryKey]) -> Mapping[str, Key]:
    """Return the keys that stores have a column for; a column that two paths share, once."""
    found = by_path(keys)
    columns: dict[str, Key] = {}
    for each in table:
        key = found.get(each.path)
        if each.column and key is not None and not key.empty:
            columns.setdefault(each.column, key)
    return columns


def _narrowed(columns: Mapping[str, Key], states: frozenset[StepState] = frozenset()) -> StepQuery:
    window = _window(columns.get("scheduled"))
    return StepQuery(
        uids=_values(columns, "uids"),
        study_instance_uids=_values(columns, "study_instance_uids"),
        states=states or _states(_values(columns, "states")),
        subject={name: key for name, key in columns.items() if name not in _OF_THE_STEP},
        scheduled_from=window.start,
        scheduled_until=window.end,
    )


def _values(columns: Mapping[str, Key], name: str) -> tuple[str, ...]:
    return columns[name].values if name in columns else ()


def _states(values: tuple[str, ...]) -> frozenset[StepState]:
    known = {state.value for state in StepState}
    return frozenset(StepState(value) for value in values) if set(values) <= known else frozenset()


def _window(key: Key | None) -> Interval:
    if key is None or len(key.values) != 1:
        return Interval(start=None, end=None)
    if key.vr != "DA":
        return interval(key.values[0], key.offset)
    days = dates(key.values[0])
    return interval(f"{days.first}-{days.last}", key.offset)
