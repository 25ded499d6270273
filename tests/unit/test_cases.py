"""The table of cases names tests that are there, and each case once."""

from pathlib import Path

from tests.cases.table import missing_tests, read_cases


def test_every_test_that_a_case_names_is_there() -> None:
    assert list(missing_tests(read_cases())) == []


def test_each_case_stands_once_and_says_what_is_right() -> None:
    cases = read_cases()
    identifiers = [each.id for each in cases]
    assert len(set(identifiers)) == len(identifiers)
    assert all(each.input and each.right for each in cases)


def test_a_test_that_is_not_there_is_named(tmp_path: Path) -> None:
    table = tmp_path / "table.toml"
    table.write_text(
        '[[group]]\nname = "G"\n[[group.case]]\nid = "X1"\ninput = "i"\nright = "r"\n'
        'tests = ["unit/test_cases.py::test_nobody_wrote"]\n'
    )
    assert list(missing_tests(read_cases(table))) == ["X1: unit/test_cases.py::test_nobody_wrote"]
