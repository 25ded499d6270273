"""The matrix of services and peers names tests that there are, and its page is the newest one."""

import re

from tests.interop.__main__ import PAGE, TESTS
from tests.interop.table import PEERS, SERVICES


def test_every_cell_is_a_test_that_there_is() -> None:
    for service in SERVICES:
        assert set(service.tests) | set(service.without) <= set(PEERS)
        assert not set(service.tests) & set(service.without)
        for each in service.tests.values():
            path, _, name = each.partition("::")
            source = (TESTS / path).read_text(encoding="utf-8")
            assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{each} is not there"


def test_the_page_has_a_row_for_each_service_and_no_failure() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = [line.split(" | ") for line in page.splitlines() if line.startswith("| ")][2:]
    assert [row[0].removeprefix("| ") for row in rows] == [each.name for each in SERVICES]
    for row, service in zip(rows, SERVICES, strict=True):
        cells = dict(zip(PEERS, (cell.removesuffix(" |") for cell in row[1:]), strict=True))
        for peer in service.tests:
            assert cells[peer] == "pass", f"{service.name}, {peer}"
