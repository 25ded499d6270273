"""Draw the rooms of the code from its own imports, into the architecture page.

    .venv/bin/python scripts/architecture.py [--check]

A room is a package or module right below ``dicom_node``, ``sr_templates`` or ``ai_engine``. Each
stands one floor above the highest room that it imports. An arrow that others imply (A → B → C
implies A → C) is not drawn, but listed. ``--check`` writes nothing and fails where the page is not
what it would write.
"""

import argparse
import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("dicom_node", "sr_templates", "ai_engine")
DRAWN = ("dicom_node", "ai_engine")
BEGIN, END = "<!-- drawn by `make architecture` -->", "<!-- drawn until here -->"

Arrows = Mapping[str, frozenset[str]]


def main() -> int:
    """Write the page, or with ``--check`` tell whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail where the page is old"
    )
    check = parser.parse_args().check
    old = PAGE.read_text(encoding="utf-8")
    new = page(old)
    if check and new != old:
        print(
            "docs/architecture.md is not what the imports say: make architecture", file=sys.stderr
        )
        return 1
    if not check:
        PAGE.write_text(new, encoding="utf-8")
    return 0


def page(text: str) -> str:
    """Return the page's text with its drawn part made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    drawn = "\n".join(
        line for package in DRAWN for line in _house(package, arrows_of(graph, package))
    )
    return f"{before}{BEGIN}\n{drawn}\n{END}{after}"


def arrows_of(graph: grimp.ImportGraph, package: str) -> Arrows:
    """Return which rooms of ``package`` each of them imports."""
    rooms = graph.find_children(package)
    inside = {room: {room, *graph.find_descendants(room)} for room in rooms}
    return {
        _name(room): frozenset(
            _name(other)
            for other in rooms
            if other != room and _imports(graph, inside[room], inside[other])
        )
        for room in rooms
    }


def _imports(graph: grimp.ImportGraph, importers: set[str], imported: set[str]) -> bool:
    return any(graph.find_modules_directly_imported_by(module) & imported for module in importers)


def _name(room: str) -> str:
    return room.rpartition(".")[2]


def floors_of(arrows: Arrows) -> dict[str, int]:
    """Return the floor of each room, 1 for the ground.

    Raises
    ------
    ValueError
        Rooms import each other in a circle.
    """
    floors: dict[str, int] = {}
    while len(floors) < len(arrows):
        ready = [room for room in arrows if room not in floors and arrows[room] <= floors.keys()]
        if not ready:
            circle = sorted(arrows.keys() - floors.keys())
            raise ValueError(f"rooms import each other in a circle: {', '.join(circle)}")
        floors |= {
            room: 1 + max((floors[other] for other in arrows[room]), default=0) for room in ready
        }
    return floors


def _needed(arrows: Arrows, room: str) -> list[str]:
    """Return the arrows of a room that no way over another room implies."""
    implied: set[str] = set()
    for other in arrows[room]:
        implied |= _reached(arrows, other)
    return sorted(arrows[room] - implied)


def _reached(arrows: Arrows, room: str) -> set[str]:
    reached = set(arrows[room])
    for other in arrows[room]:
        reached |= _reached(arrows, other)
    return reached


def _house(package: str, arrows: Arrows) -> Iterator[str]:
    floors = floors_of(arrows)
    count = sum(len(each) for each in arrows.values())
    yield f"\n### {package}\n"
    yield f"{len(arrows)} rooms on {max(floors.values())} floors, {count} arrows.\n"
    yield "```mermaid\nflowchart TD"
    for room in sorted(arrows, key=lambda each: (-floors[each], each)):
        yield f"    {room}[{room}]"
    for room in sorted(arrows):
        yield from (f"    {room} --> {other}" for other in _needed(arrows, room))
    yield "```\n"
    yield "| floor | room | what it is for | imports |\n| --- | --- | --- | --- |"
    for room in sorted(arrows, key=lambda each: (-floors[each], each)):
        imports = ", ".join(sorted(arrows[room])) or "–"
        yield f"| {floors[room]} | `{room}` | {_purpose(package, room)} | {imports} |"


def _purpose(package: str, room: str) -> str:
    """Return the first sentence of the room's own docstring."""
    folder = ROOT / package / room
    source = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    said = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return " ".join(said.partition("\n\n")[0].split()).rstrip(".")


if __name__ == "__main__":
    raise SystemExit(main())
