"""Run the tests of the matrix of services and peers, and write what came of them as a page.

``python -m tests.interop`` writes ``docs/interoperability.md``, and ends with status 1 where a test
failed. A peer, or material, that is not there is said so in its cells.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.node.statement import table
from tests.cases.__main__ import Seen
from tests.interop.table import PEERS, SERVICES, Service

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "interoperability.md"


def main() -> int:
    """Run the tests, write the page, and return the exit status."""
    names = dict.fromkeys(test for each in SERVICES for test in each.tests.values())
    seen = Seen()
    options = ["-q", "-p", "no:cacheprovider", "-n", "0", "--no-header"]
    pytest.main([*(str(TESTS / name) for name in names), *options], [seen])
    PAGE.write_text("\n".join(page(seen)) + "\n", encoding="utf-8")
    outcomes = [outcome for outcome, _ in seen.outcomes.values()]
    return 1 if "failed" in outcomes or not outcomes else 0


def page(seen: Seen) -> Iterator[str]:
    """Yield the lines of the page."""
    yield "# Services by peers"
    yield ""
    yield "Written by `make interop`, which runs the test behind each cell: each is a conversation"
    yield "with the peer itself, and none with a stand-in. An empty cell was not tried, or is no"
    yield "matter of that peer."
    yield from table(
        ("Service", *PEERS),
        [(each.name, *(_cell(each, peer, seen) for peer in PEERS)) for each in SERVICES],
    )
    yield ""
    yield "pynetdicom stands for a strict peer of the project's own making where no other program"
    yield "speaks a service. PixelMed's validator reads what the node makes."


def _cell(service: Service, peer: str, seen: Seen) -> str:
    test = service.tests.get(peer)
    if test is None:
        return service.without.get(peer, "")
    found = [
        outcome
        for name, outcome in seen.outcomes.items()
        if name.removeprefix("tests/").partition("[")[0] == test
    ]
    if not found:
        return "not run"
    worst = max(found, key=lambda one: ("passed", "skipped", "failed").index(one[0]))
    return {"passed": "pass", "skipped": "not tried here"}.get(worst[0], f"fails: {worst[1]}")


if __name__ == "__main__":
    sys.exit(main())
