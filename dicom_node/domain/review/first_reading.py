"""What a reader says before seeing the AI's result, and what that tells of both.

Who sees an answer first finds reasons for it. A reader who says first what is there can be compared
with the model twice: alone, and after having seen what the model says.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dicom_node.errors import ConflictError


class ReadFirstError(ConflictError):
    """The images must be read before the AI's result is shown, and a verdict given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstReading:
    """What a reader saw on an item's images without the model; the first one counts, for good.

    ``present`` are those of ``labels`` that the reader saw, ``by_model`` those that the model had
    found. ``given_at`` is set by the worklist.
    """

    item_id: str
    reader: str
    labels: tuple[str, ...]
    present: tuple[str, ...]
    by_model: tuple[str, ...]
    comment: str = ""
    given_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLabel:
    """One label of one decided item: by the model, by its reader first, and by that reader last.

    ``first`` is None where the reader saw the model's result at once, ``last`` where it could not
    be told.
    """

    model_name: str
    label: str
    model: bool
    first: bool | None
    last: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How readers and a model agree on a label, both ways.

    Of ``read_first`` items, readers agreed with the model ``alone`` and ``after`` seeing it;
    ``toward`` and ``away`` count who changed their mind to what the model says, and from it. Of
    ``shown_first`` items the model was seen at once, and ``shown_agreed`` were agreed with.
    """

    model_name: str
    label: str
    read_first: int = 0
    alone: int = 0
    after: int = 0
    toward: int = 0
    away: int = 0
    shown_first: int = 0
    shown_agreed: int = 0


def agreements(judged: Iterable[JudgedLabel]) -> tuple[Agreement, ...]:
    """Count agreement by model and label; what could not be told in the end counts nowhere."""
    counted: Mapping[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for each in judged:
        if each.last is None:
            continue
        counts, agrees = counted[each.model_name, each.label], each.last == each.model
        if each.first is None:
            counts["shown_first"] += 1
            counts["shown_agreed"] += agrees
            continue
        alone = each.first == each.model
        counts["read_first"] += 1
        counts["alone"] += alone
        counts["after"] += agrees
        counts["toward"] += agrees and not alone
        counts["away"] += alone and not agrees
    return tuple(
        Agreement(model_name=model, label=label, **counts)
        for (model, label), counts in sorted(counted.items())
    )
