"""The project's pages and files agree with the code: settings, commands, links, requirements."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.core import TyperGroup

from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings

ROOT = Path(__file__).parents[2]
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
_CODE_BLOCK = re.compile(r"```(?:sh|console)\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(dicom-node [^`]*)`")
_LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")


def _settings(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[str]:
    """The rows that the settings page must have, one for each setting."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _settings(inner, (*path, name))
        else:
            yield _row((*path, name), field)


def _row(path: tuple[str, ...], field: FieldInfo) -> str:
    variable = "DICOM_NODE_" + "__".join(path).upper()
    default = field.get_default()
    shown = f"`{default}`" if str(default) else "(empty)"
    return f"| `{'.'.join(path)}` | `{variable}` | {shown} | {field.description} |"


def _documented_commands() -> set[tuple[str, str]]:
    """Every `dicom-node …` that a page shows, with the page's name."""
    found = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line for block in _CODE_BLOCK.findall(text) for line in block.splitlines()]
        shown = [match for line in lines for match in re.findall(r"\bdicom-node .*", line)]
        found |= {(page.name, command) for command in [*shown, *_INLINE.findall(text)]}
    return found


def _leaf(command: Any, words: list[str]) -> tuple[Any, list[str]]:
    """The sub-command that the words lead to, and the words that are left."""
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no such command: {words[0]}"
        _, command, words = command.resolve_command(typer.Context(command), words)
    return command, words


def test_every_setting_is_documented_as_it_is_and_nothing_else() -> None:
    rows = [
        line
        for line in SETTINGS_PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `") and "`DICOM_NODE_" in line
    ]
    assert rows == list(_settings(NodeSettings))


@pytest.mark.parametrize(("page", "shown"), sorted(_documented_commands()))
def test_documented_commands_and_options_exist(page: str, shown: str) -> None:
    words = shown.partition("#")[0].split()[1:]
    while words and words[0] in ("--config", "DIR"):
        words = words[2:]
    command, rest = _leaf(typer.main.get_command(application), words)
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    options = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert options <= known, f"{page}: `{shown}` names options that are not there"


def test_the_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    group = typer.main.get_command(application)
    assert isinstance(group, TyperGroup)
    missing = [name for name in group.commands if f"dicom-node {name}" not in text]
    assert missing == []


def test_the_readme_names_every_target_of_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in targets if name != "help" and f"make {name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    # What is written from the code is there on the site alone, whose build is strict about it.
    targets = [link for link in links if not link.startswith("reference/")]
    assert [link for link in targets if not (page.parent / link).exists()] == []


def _pins(name: str) -> set[str]:
    return set((ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines())


def test_what_serves_is_pinned_like_what_was_tested() -> None:
    assert _pins("serve.txt") <= _pins("dev.txt")


def test_every_dependency_is_pinned_and_no_registry_is_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {re.split(r"[\[<>=]", each, maxsplit=1)[0] for each in project["dependencies"]}
    pinned = {line.partition("==")[0] for line in _pins("serve.txt")}
    assert wanted <= pinned
    assert not [line for line in _pins("dev.txt") if "://" in line or line.startswith("-")]


def test_serving_needs_no_tensorflow() -> None:
    assert not [line for line in _pins("serve.txt") if line.startswith("tensorflow")]
