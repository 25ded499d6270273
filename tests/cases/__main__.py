"""Run the tests of the table of cases, and print each case with what was expected and seen.

``python -m tests.cases`` runs all of them, ``python -m tests.cases C R11 I4`` those whose
identifiers begin so. It ends with status 1 where a case has no test, or one that fails.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import pytest
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.cases.table import TESTS, Case, missing_tests, read_cases

_LONGEST = 110


@dataclass(slots=True, eq=False)  # pytest keeps plug-ins in sets
class Seen:
    """A pytest plug-in that notes what became of each test."""

    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of a test, or what kept it from running, with the words that say why."""
        if report.when != "call" and report.passed:
            return
        words = ""
        if report.failed and report.longrepr is not None:
            words = _last_words(str(report.longrepr))
        elif report.skipped and isinstance(report.longrepr, tuple):
            words = report.longrepr[2]
        said = ", ".join(f"{name} {value}" for name, value in report.user_properties)
        self.outcomes[report.nodeid] = (report.outcome, words or said)


def main(prefixes: Sequence[str]) -> int:
    """Run the tests of the cases asked for; return the exit status."""
    every = read_cases()
    cases = [each for each in every if not prefixes or each.id.startswith(tuple(prefixes))]
    absent = {each.partition(": ")[2] for each in missing_tests(tuple(cases))}
    wanted = dict.fromkeys(test for each in cases for test in each.tests if test not in absent)
    seen = Seen()
    if wanted:
        # One name in brackets may not be collected where a part of a test has another spelling:
        # the whole test is run, and its part looked up.
        names = dict.fromkeys(str(TESTS / test.partition("[")[0]) for test in wanted)
        pytest.main([*names, "-q", "-p", "no:cacheprovider", "-n", "0", "--no-header"], [seen])
    rows = [(each, *_judged(each, seen, absent)) for each in cases]
    _print(rows)
    return 0 if all(outcome == "passed" for _, outcome, _ in rows) else 1


def _judged(case: Case, seen: Seen, absent: set[str]) -> tuple[str, str]:
    """Return a case's outcome, and what was seen in words."""
    if not case.tests:
        return "no test", "nobody looks"
    found: list[tuple[str, str]] = []
    for test in case.tests:
        outcomes = [
            outcome
            for name, outcome in seen.outcomes.items()
            if name.removeprefix("tests/") == test
            or name.removeprefix("tests/").startswith(f"{test}[")
        ]
        found.extend(outcomes or [("no test", f"{test} is not there")])
    worst = max(found, key=lambda one: ("passed", "skipped", "no test", "failed").index(one[0]))
    if worst[0] != "passed":
        return worst
    said = "; ".join(dict.fromkeys(words for _, words in found if words))
    count = "1 test" if len(found) == 1 else f"{len(found)} tests"
    return "passed", said or f"as expected ({count})"


def _print(rows: Sequence[tuple[Case, str, str]]) -> None:
    console = Console(width=200)
    for group, of_group in groupby(rows, key=lambda row: row[0].group):
        console.print(_table(group, of_group))
    passed = sum(outcome == "passed" for _, outcome, _ in rows)
    console.print(f"{passed} of {len(rows)} cases as expected.")
    for wanting, words in (("no test", "Without a test"), ("skipped", "Skipped here")):
        if names := [case.id for case, outcome, _ in rows if outcome == wanting]:
            console.print(f"{words}: {', '.join(names)}")


def _table(title: str, rows: Iterable[tuple[Case, str, str]]) -> Table:
    table = Table("Case", "Input", "Expected", "Seen", "", box=box.SIMPLE_HEAD, title=title)
    for case, outcome, words in rows:
        colour = {"passed": "green", "skipped": "yellow"}.get(outcome, "red")
        shown = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
        cells = (escape(each) for each in (case.id, case.input, case.right, shown))
        table.add_row(*cells, f"[{colour}]{outcome}[/]")
    return table


def _last_words(report: str) -> str:
    """Return the line of a failure that says what was wrong."""
    lines = [line[1:].strip() for line in report.splitlines() if line.startswith("E ")]
    return lines[0] if lines else report.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
