"""What durable steps hand on, and how each value is written down: JSON by schema, never a pickle.

``VALUES`` is the one table of the values that may stand in a row and outlive the process, and the
version of the node, that wrote them. A value is written with its tag, not with the name of its
class, which may move and be renamed. A tag ends in a number: whoever changes what a value *means*
without changing its schema gives it the next one, and rows with the old tag are begun anew
(docs/adr/0023). What a value may hold is checked when it is read: neither an unknown field nor a
value of another type is let through.
"""

from collections.abc import Mapping
from functools import cache
from types import GenericAlias
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ai_engine.ct.prediction import CtPrediction
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.prediction import Prediction
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.study import StoredStudy
from dicom_node.workflow.analysis.infer import Inferred
from dicom_node.workflow.analysis.route import Routed

VALUES: Mapping[str, type] = {
    "stored study.1": StoredStudy,
    "routed.1": Routed,
    "inferred.1": Inferred,
    "evidence object.1": EvidenceObject,
    # What models say is kept in the Hotbase, not in the steps' rows: it may be large.
    "prediction.1": Prediction,
    "ct prediction.1": CtPrediction,
    "bone prediction.1": BonePrediction,
}
_CONFIG = ConfigDict(
    extra="forbid",
    strict=True,
    ser_json_bytes="base64",
    val_json_bytes="base64",
    ser_json_inf_nan="constants",
)


class UnreadableValueError(Exception):
    """What was written down is no value of this version; or a value is none of ``VALUES``.

    No ``NodeError``: these are of one job or delivery, and what fails here is the workflow itself.
    """


def write_value(value: object) -> tuple[str, str]:
    """Return a value's tag and its JSON; the same value is always written alike.

    Raises
    ------
    UnreadableValueError
        When the value's type stands in no line of ``VALUES``.
    """
    tag = _tags().get(type(value))
    if tag is None:
        raise UnreadableValueError(
            f"a {type(value).__name__} is no value of a step: give it a line in VALUES "
            "(dicom_node/workflow/written_values.py), or hand on a reference"
        )
    # The adapter is of a tuple of one value: pydantic lets no dataclass be given a configuration.
    return tag, adapter(tag).dump_json((value,)).decode()[1:-1]


def read_value(tag: str, text: str) -> Any:
    """Return the value that ``text``, written with ``tag``, stands for.

    Raises
    ------
    UnreadableValueError
        When this version has no such tag, or its schema does not allow what was written.
    """
    if tag not in VALUES:
        raise UnreadableValueError(f"this version of the node knows no value {tag!r}")
    try:
        (value,) = adapter(tag).validate_json(f"[{text}]")
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(each) for each in problem["loc"][1:])
        raise UnreadableValueError(f"{tag}: {place}: {problem['msg']}") from None
    return value


@cache
def adapter(tag: str) -> TypeAdapter[tuple[Any]]:
    """Return what reads, writes and describes the values of a tag."""
    one: Any = GenericAlias(tuple, (VALUES[tag],))
    return TypeAdapter(one, config=_CONFIG)


@cache
def _tags() -> Mapping[type, str]:
    return {kind: tag for tag, kind in VALUES.items()}
