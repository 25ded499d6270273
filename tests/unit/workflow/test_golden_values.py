"""What released versions wrote into rows is read by this one, or known to be begun anew."""

import json
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.version import Version

from dicom_node.workflow.contract import StepContract
from dicom_node.workflow.step_values import StepValues
from dicom_node.workflow.take_up import Unfinished, Written, keeps_contract
from dicom_node.workflow.written_values import VALUES, UnreadableValueError
from tests.golden.__main__ import SETS, current_contract
from tests.golden.samples import samples

# Versions whose work is begun anew, and why. Their values must be refused, not misread.
BEGUN_ANEW = {"0.1.0": "pickles, which are never read"}
VERSIONS = sorted((each.name for each in SETS.iterdir()), key=Version)
NEWEST = VERSIONS[-1]
KEPT = [each for each in VERSIONS if each not in BEGUN_ANEW]
READ = [
    path for each in KEPT for path in sorted((SETS / each).glob("*.json"))
    if path.name != "contract.json"
]  # fmt: skip
PICKLES = sorted(SETS.glob("*/*.pickle"))
REWRITE = (
    f"the steps or their values are no longer those of {NEWEST}. If that version is released, "
    "begin a new set (make golden VERSION=…); if it is in work, write its set again. An "
    "older set that cannot be read any more belongs into BEGUN_ANEW, with the reason."
)


def _values(value: object) -> Iterator[Any]:
    """Yield every frozen value inside of one."""
    if isinstance(value, tuple):
        for each in value:
            yield from _values(each)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from _values(getattr(value, field.name))


def _id(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", READ, ids=_id)
def test_a_value_of_a_released_version_is_read(path: Path) -> None:
    value = StepValues().deserialize(path.read_text())
    wanted = samples().get(path.stem)
    assert type(value) is type(wanted) or isinstance(value, Exception)


@pytest.mark.parametrize("name", samples())
def test_a_value_is_written_as_in_the_newest_golden_set(name: str) -> None:
    written = StepValues().serialize(samples()[name])
    assert written == (SETS / NEWEST / f"{name}.json").read_text().strip(), REWRITE
    assert StepValues().serialize(StepValues().deserialize(written)) == written


def test_the_contract_is_that_of_the_newest_golden_set() -> None:
    kept = json.loads((SETS / NEWEST / "contract.json").read_text())
    assert json.loads(json.dumps(current_contract())) == kept, REWRITE


def test_every_value_of_the_table_has_a_golden_file() -> None:
    written = "".join(path.read_text() for path in (SETS / NEWEST).glob("*.json"))
    assert [tag for tag in VALUES if f'"type":"{tag}"' not in written] == []


def test_the_samples_fill_every_optional_field() -> None:
    filled: set[str] = set()
    known: set[str] = set()
    for value in _values(tuple(samples().values())):
        for each in fields(value):
            if each.default is not MISSING:
                name = f"{type(value).__name__}.{each.name}"
                known.add(name)
                held = getattr(value, each.name)
                if isinstance(held, np.ndarray) or held != each.default:
                    filled.add(name)
    assert known - filled == set(), "give tests/golden/samples.py a value for it"


@pytest.mark.parametrize("path", PICKLES, ids=_id)
def test_a_pickle_of_the_first_version_is_refused_and_its_work_begun_anew(path: Path) -> None:
    text = path.read_text().strip()
    with pytest.raises(UnreadableValueError):
        StepValues().deserialize(text)
    workflow = Unfinished(
        workflow_id="w",
        name="analyse_study",
        status="ENQUEUED",
        executor_id="",
        version="4",
        arguments=Written(text=text, serializer="py_pickle"),
        steps=(),
    )
    assert not keeps_contract(workflow, StepContract(order="4", values=""))


def test_a_workflow_that_this_version_does_not_have_is_not_gone_on_with() -> None:
    contract = StepContract(order="same", values="same")
    delivery = Unfinished(
        workflow_id="w",
        name="deliver_evidence",
        status="DELAYED",
        executor_id="",
        version=contract.version,
        arguments=Written(text=StepValues().serialize("d"), serializer=StepValues().name()),
        steps=(),
    )
    assert not keeps_contract(delivery, contract), "its delivery waits in a row of its own"
    assert keeps_contract(replace(delivery, name="analyse_study"), contract)
