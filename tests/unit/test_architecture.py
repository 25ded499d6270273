"""The architecture page is what the imports say, and the house has no circle."""

import re
from pathlib import Path

import pytest

from scripts import architecture

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_the_page_is_what_the_imports_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert architecture.page(text) == text, "run: make architecture"


def test_rooms_stand_one_floor_above_what_they_import() -> None:
    arrows = {
        "roof": frozenset({"hall", "cellar"}),
        "hall": frozenset({"cellar"}),
        "cellar": frozenset[str](),
    }
    assert architecture.floors_of(arrows) == {"cellar": 1, "hall": 2, "roof": 3}


def test_a_circle_is_named() -> None:
    arrows = {"a": frozenset({"b"}), "b": frozenset({"a"}), "c": frozenset[str]()}
    with pytest.raises(ValueError, match="a, b"):
        architecture.floors_of(arrows)


def test_every_file_that_the_page_names_is_there() -> None:
    root = PAGE.parents[1]
    named = set(re.findall(r"`((?:[\w.]+/)+[\w.]+)`", PAGE.read_text(encoding="utf-8")))
    assert len(named) > 20
    assert [each for each in sorted(named) if not (root / each).exists()] == []
