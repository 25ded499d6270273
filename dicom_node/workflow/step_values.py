"""How DBOS writes down what its steps and workflows take, return and raise.

The arguments and results are JSON: plain values as they are, tuples as arrays, and everything else
as ``{"type": tag, "value": …}`` by the table of ``written_values``. Of an error only what the node
itself said of it is kept: foreign words may hold values of a header, and a foreign class is not
made again from a row.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from dbos import Serializer
from dbos import error as dbos_error
from dbos._serialization import DefaultSerializer

from dicom_node.errors import NodeError
from dicom_node.workflow.ports import UnforeseenError
from dicom_node.workflow.written_values import UnreadableValueError, read_value, write_value


class RecordedError(NodeError):
    """What a step raised on purpose in an earlier run of its workflow."""


class StepValues(Serializer):
    """The serialiser of the workflow store."""

    def name(self) -> str:
        """Return what DBOS notes beside each value; it changes with the envelope."""
        return "dicom-node-json-1"

    def serialize(self, data: Any) -> str:
        """Return the JSON of what a step or workflow was given, returned or raised.

        Raises
        ------
        UnreadableValueError
            When the value could not be read again.
        """
        return _written(data)

    def deserialize(self, serialized_data: str) -> Any:
        """Return what was written.

        Raises
        ------
        UnreadableValueError
            When it is not what this version writes.
        """
        try:
            return _read(json.loads(serialized_data))
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise UnreadableValueError(
                f"a row of the workflow store cannot be read ({type(error).__name__})"
            ) from None


def refuse_pickles() -> None:
    """Have this process read no pickle from the workflow store.

    DBOS reads a row by the name that stands in the row itself, and always knows pickles: whoever
    may write to the database could have the node run anything. There is no setting against it.
    """
    DefaultSerializer.deserialize = _refuse  # type: ignore[assignment]


def _refuse(self: DefaultSerializer, serialized_data: str) -> NoReturn:
    del self, serialized_data
    raise UnreadableValueError("the workflow store holds a pickle, which is not read")


def _written(data: object) -> str:
    if isinstance(data, BaseException):
        tag, value = _error(data)
        return _tagged(tag, _written(value))
    if data is None or isinstance(data, str | int | float):
        return json.dumps(data, ensure_ascii=False)
    if isinstance(data, tuple | list):
        return f"[{','.join(map(_written, data))}]"
    if isinstance(data, Mapping):
        entries = (f"{json.dumps(key)}:{_written(data[key])}" for key in sorted(data))
        return _tagged("mapping", f"{{{','.join(entries)}}}")
    return _tagged(*write_value(data))


def _tagged(tag: str, text: str) -> str:
    return f'{{"type":{json.dumps(tag)},"value":{text}}}'


def _read(written: Any) -> Any:
    if isinstance(written, list):
        return tuple(map(_read, written))
    if not isinstance(written, dict):
        return written
    tag, value = written["type"], written["value"]
    if tag == "mapping":
        return {key: _read(each) for key, each in value.items()}
    if tag in _ERRORS:
        return _ERRORS[tag](_read(value))
    return read_value(tag, json.dumps(value))


def _error(error: BaseException) -> tuple[str, object]:
    match error:
        case NodeError():
            return "refusal", str(error)
        case dbos_error.DBOSMaxStepRetriesExceeded():
            return "retries exceeded", (error.step_name, error.max_retries, error.errors)
        case UnforeseenError():
            return "unforeseen error", error.kind
        case _:
            return "unforeseen error", type(error).__name__


def _retries_exceeded(written: tuple[str, int, tuple[Exception, ...]]) -> Exception:
    step, tries, errors = written
    return dbos_error.DBOSMaxStepRetriesExceeded(step, tries, list(errors))


_ERRORS: Mapping[str, Callable[[Any], Exception]] = {
    "refusal": RecordedError,
    "unforeseen error": UnforeseenError,
    "retries exceeded": _retries_exceeded,
}
