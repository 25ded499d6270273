"""The table of cases: what it says, and whether the tests that it names are there."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).with_name("table.toml")
TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One input: what of it is right, and the tests that show that.

    ``tests`` are files below ``tests/`` with a function, and perhaps a part of a parametrised one
    in brackets: ``unit/test_x.py::test_y[z]``.
    """

    group: str
    id: str
    input: str
    right: str
    tests: tuple[str, ...]


def read_cases(table: Path = TABLE) -> tuple[Case, ...]:
    """Return the cases in the order of the table."""
    with table.open("rb") as file:
        groups = tomllib.load(file)["group"]
    return tuple(
        Case(
            group=group["name"],
            id=case["id"],
            input=case["input"],
            right=case["right"],
            tests=tuple(case["tests"]),
        )
        for group in groups
        for case in group["case"]
    )


def missing_tests(cases: tuple[Case, ...], tests: Path = TESTS) -> Iterator[str]:
    """Yield what the table names and the tests do not have."""
    for case in cases:
        for test in case.tests:
            file, _, function = test.partition("::")
            name = re.escape(function.partition("[")[0])
            path = tests / file
            if not path.is_file() or not re.search(rf"^def {name}\(", path.read_text(), re.M):
                yield f"{case.id}: {test}"
