"""What durable steps hand on is written by schema: exactly, always alike, and never as code."""

import os
import pickle
import re
import subprocess
import sys
import typing
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, make_dataclass
from dataclasses import fields as fields_of
from pathlib import Path
from types import NoneType, UnionType
from typing import Any

import numpy as np
import pytest
from dbos import error as dbos_error
from dbos._serialization import DBOSDefaultSerializer, deserialize_value
from pydicom.uid import UID

from dicom_node.domain.study import StoredStudy
from dicom_node.errors import NodeError
from dicom_node.workflow import contract as contract_module
from dicom_node.workflow import written_values
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.infer import Inference
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.contract import contract_of, schemas, step_order
from dicom_node.workflow.delivery.plan import Planning
from dicom_node.workflow.engine import WorkflowEngine
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import StepFailedError
from dicom_node.workflow.review.conclude import Concluding
from dicom_node.workflow.review.external_reports import ExternalVerdicts
from dicom_node.workflow.review.file import Filing
from dicom_node.workflow.step_values import StepValues, refuse_pickles
from dicom_node.workflow.written_values import VALUES, UnreadableValueError, read_value, write_value
from tests.golden.samples import BONES, JOB, PREDICTION, ct_prediction, samples

STEPS = (
    Completion.claim, Completion.finish, Completion.abandon, Routing.route, Inference.analyse,
    Inference.fail, Reporting.report_failure, Reporting.report_unanswered, Corridor._report,
    Corridor._enqueue, Planning.plan,
    Planning.plan_verdict, ExternalVerdicts.take, Concluding.report,
    Filing.file,
)  # fmt: skip


def again(value: object) -> Any:
    """Write a value and read it."""
    return StepValues().deserialize(StepValues().serialize(value))


@pytest.mark.parametrize(
    "name",
    ["nothing", "item-ids", "arguments", "stored-study", "routed", "inferred", "evidence",
     "bone-prediction", "ct-prediction"],
)  # fmt: skip
def test_a_value_comes_back_equal(name: str) -> None:
    value = samples()[name]
    assert again(value) == value


def test_a_heat_map_comes_back_to_the_last_bit() -> None:
    (image,) = again(PREDICTION).images
    (finding,) = image.findings
    (wanted,) = PREDICTION.images[0].findings
    assert wanted.heat_map is not None
    np.testing.assert_array_equal(finding.heat_map.values, wanted.heat_map.values, strict=True)
    assert np.isnan(image.quality.sharpness)


def test_an_uid_of_pydicom_is_text() -> None:
    assert StepValues().serialize({"args": (UID("1.2.3"),), "kwargs": {}}) == (
        '{"type":"mapping","value":{"args":["1.2.3"],"kwargs":{"type":"mapping","value":{}}}}'
    )


@pytest.mark.slow
def test_a_value_is_written_alike_whatever_the_hash_seed() -> None:
    code = (
        "from tests.golden.samples import samples\n"
        "from dicom_node.workflow.step_values import StepValues\n"
        "print([StepValues().serialize(each) for each in samples().values()])"
    )
    written = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            timeout=120,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(written) == 1


def test_no_schema_has_a_set_whose_order_would_change_from_run_to_run() -> None:
    assert "uniqueItems" not in str(schemas())


@pytest.mark.parametrize("step", STEPS, ids=lambda each: each.__qualname__)
def test_the_table_has_whatever_a_step_returns(step: Any) -> None:
    returned = typing.get_type_hints(step)["return"]
    assert set(_parts(returned)) <= {*VALUES.values(), NoneType, str}


def test_every_step_of_the_corridor_is_known_to_the_test_before() -> None:
    named = set(re.findall(r"'run ([a-z ]+)'", str(step_order(Corridor, WorkflowEngine))))
    assert len(named) == len(STEPS)


def test_rows_of_workflows_stay_small_however_large_a_prediction_is() -> None:
    values = {VALUES[tag] for tag in VALUES if not tag.endswith("prediction.1")}
    returned = {part for step in STEPS for part in _parts(typing.get_type_hints(step)["return"])}
    assert returned & set(VALUES.values()) == values
    schema = {tag: each for tag, each in schemas().items() if VALUES[tag] in values}
    assert "base64" not in str(schema)
    for value in (PREDICTION, BONES, ct_prediction()):
        assert type(value) in VALUES.values()


def test_a_value_that_stands_in_no_table_is_refused_before_it_is_written() -> None:
    with pytest.raises(UnreadableValueError, match="a Job is no value of a step"):
        StepValues().serialize((JOB,))
    with pytest.raises(UnreadableValueError, match="ndarray"):
        StepValues().serialize(np.zeros(3))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"type":"inferred.1","value":{"job_id":"a"}}', "made_at"),
        ('{"type":"inferred.1","value":{"job_id":7,"made_at":"2026-01-01T00:00:00Z"}}', "job_id"),
        (
            '{"type":"inferred.1","value":'
            '{"job_id":"a","made_at":"2026-01-01T00:00:00Z","more":1}}',
            "more",
        ),
        ('{"type":"inferred.2","value":{}}', "knows no value"),
        ('{"type":"builtins.eval","value":"1"}', "knows no value"),
        ('{"value":{}}', "cannot be read"),
        ("gASVBQ==", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
    ],
)
def test_what_is_no_value_of_this_version_is_refused(text: str, problem: str) -> None:
    with pytest.raises(UnreadableValueError, match=problem):
        StepValues().deserialize(text)


def test_a_field_that_is_new_and_has_a_default_is_filled(monkeypatch: pytest.MonkeyPatch) -> None:
    tag, text = write_value(samples()["stored-study"])
    fields = [(name, kind) for name, kind in typing.get_type_hints(StoredStudy).items()]
    newer = make_dataclass(
        "Newer", [*fields, ("priority", int, 3)], frozen=True, slots=True, kw_only=True
    )
    monkeypatch.setattr(written_values, "VALUES", {**VALUES, tag: newer})
    written_values.adapter.cache_clear()
    try:
        assert read_value(tag, text).priority == 3
    finally:
        written_values.adapter.cache_clear()


def test_an_error_of_the_node_comes_back_with_its_words() -> None:
    error = again(NodeError("the model is not there"))
    assert isinstance(error, NodeError)
    assert str(error) == "the model is not there"


def test_of_a_foreign_error_only_its_kind_is_kept() -> None:
    written = StepValues().serialize(ZeroDivisionError("Doe^Jane"))
    assert "Doe" not in written
    failed = StepFailedError.of("infer", StepValues().deserialize(written))
    assert "(ZeroDivisionError)" in str(failed)
    assert StepValues().serialize(StepValues().deserialize(written)) == written


def test_a_step_that_gave_up_comes_back_with_its_last_error() -> None:
    error = again(dbos_error.DBOSMaxStepRetriesExceeded("infer", 3, [NodeError("no"), OSError()]))
    assert isinstance(error, dbos_error.DBOSMaxStepRetriesExceeded)
    assert "(OSError)" in str(StepFailedError.of("infer", error.errors[-1]))


@dataclass
class Trap:
    """Writes a file when it is unpickled."""

    path: str

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(self.path),))


@pytest.fixture
def pickles_refused() -> Iterator[None]:
    """The process as the engine sets it up."""
    refuse_pickles()
    yield


@pytest.mark.usefixtures("pickles_refused")
def test_a_pickle_in_the_store_is_not_run_even_where_its_row_asks_for_it(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    trap = b64encode(pickle.dumps(Trap(str(sprung)))).decode()
    with pytest.raises(UnreadableValueError, match="pickle"):
        deserialize_value(trap, DBOSDefaultSerializer.name(), StepValues())
    with pytest.raises(UnreadableValueError):
        deserialize_value(trap, StepValues().name(), StepValues())
    assert not sprung.exists()


class Plain:
    """A corridor of two steps."""

    def go(self, steps: Any) -> None:
        if steps.run("first", self) is None:
            return
        steps.run("second", self)


class Reordered:
    """The same steps the other way round."""

    def go(self, steps: Any) -> None:
        if steps.run("second", self) is None:
            return
        steps.run("first", self)


class Reworded:
    """The first corridor, with what is no step."""

    def go(self, steps: Any) -> None:
        """Say something."""
        if steps.run("first", self) is None:
            return  # nothing to do
        print("here")
        steps.run("second", self)


class Unguarded:
    """The second step, whatever the first has said."""

    def go(self, steps: Any) -> None:
        steps.run("first", self)
        steps.run("second", self)


@pytest.mark.slow
def test_the_version_follows_the_order_of_the_steps_and_nothing_else_of_the_code() -> None:
    plain = contract_of(Plain)
    assert contract_of(Reworded) == plain
    for other in (Reordered, Unguarded):
        assert contract_of(other).order != plain.order
        assert contract_of(other).values == plain.values
        assert not plain.has_order_of(contract_of(other).version)
    assert plain.has_order_of(plain.version)
    assert not plain.has_order_of(None)


@pytest.mark.slow
def test_the_version_follows_the_schemas_not_the_names_of_the_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = contract_of(Plain)
    tag = "stored study.1"
    types = typing.get_type_hints(StoredStudy)
    own = [
        (each.name, types[each.name], field(default=each.default))
        for each in fields_of(StoredStudy)
    ]

    def with_study(kind: type) -> str:
        for module in (written_values, contract_module):
            monkeypatch.setattr(module, "VALUES", {**VALUES, tag: kind})
        written_values.adapter.cache_clear()
        return contract_of(Plain).values

    options: dict[str, Any] = {"frozen": True, "slots": True, "kw_only": True}
    try:
        assert with_study(make_dataclass("Renamed", own, **options)) == before.values
        more = make_dataclass("StoredStudy", [*own, ("more", int, 0)], **options)
        assert with_study(more) != before.values
    finally:
        written_values.adapter.cache_clear()


def _parts(kind: Any) -> Iterator[Any]:
    """Yield the members of unions and the elements of tuples."""
    origin = typing.get_origin(kind)
    if origin is None:
        yield kind
    elif origin in (UnionType, typing.Union, tuple):
        for each in typing.get_args(kind):
            if each is not Ellipsis:
                yield from _parts(each)
    else:
        pytest.fail(f"a step must not return {kind}")
