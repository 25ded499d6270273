"""What the documentation's site has beside docs/: reference pages, written from the code.

MkDocs calls the functions below (see `hooks` in mkdocs.yml).
"""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from typer.core import TyperGroup

from dicom_node.administration.administration import Administration
from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.models.cards import ModelCards
from dicom_node.node.administering import make_administration
from dicom_node.node.conformance import conformance_statement
from dicom_node.node.integration_statement import integration_statement
from dicom_node.node.repositories import Repositories
from dicom_node.node.routing import make_routes
from dicom_node.web.api.router import api_document, make_api

_ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"\[([^\]]*)\]\(([^)#:]+)(#[^)]*)?\)")
_DRAWING = re.compile(r"```mermaid\n.*?```\n", re.DOTALL)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put pages that the navigation does not name at the end of where they belong."""
    assert config.nav is not None  # noqa: S101 - mkdocs.yml has one
    named = str(config.nav)
    for title, folder in (("How to", "guides/"), ("Explanation", "")):
        section: list[Any] = next(each[title] for each in config.nav if title in each)
        found = sorted((Path(config.docs_dir) / folder).glob("*.md"))
        section += [path for each in found if f"'{(path := folder + each.name)}'" not in named]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are written from the code."""
    for name, text in (
        ("commands", "\n".join(_commands())),
        ("rest", "\n".join(_rest())),
        ("conformance", conformance_statement(NodeSettings())),
        ("integration", integration_statement()),
    ):
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Name files of the project instead of linking them: the site has only its own pages."""
    del files
    folder = (Path(config.docs_dir) / page.file.src_uri).parent

    def inside(match: re.Match[str]) -> str:
        target = (folder / match[2]).resolve()
        if target.is_relative_to(config.docs_dir) or not target.exists():
            return match[0]
        name = target.relative_to(_ROOT).as_posix()
        return f"`{name}`" if match[1] == name else f"{match[1]} (`{name}`)"

    # Mermaid is drawn by a script from elsewhere; the tables below say the same.
    return _DRAWING.sub("", _LINK.sub(inside, markdown))


def _commands() -> Iterator[str]:
    """Every command with its arguments and options."""
    yield "# Commands\n"
    yield "`--config DIR` before a command names another configuration folder; each has `--help`.\n"
    yield from _below(typer.main.get_command(application), ("dicom-node",))


def _below(command: Any, words: tuple[str, ...]) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        if len(words) > 1:
            yield f"## {' '.join(words)}\n\n{command.help or ''}\n"
        for name in sorted(command.commands):
            _, found, _ = command.resolve_command(context, [name])
            yield from _below(found, (*words, name))
        return
    level = "##" if len(words) == 2 else "###"
    yield f"{level} {' '.join(words)}\n\n{(command.help or '').strip()}\n"
    rows = [row for each in command.params if (row := _row(each))]
    if rows:
        yield "| | |\n| --- | --- |"
        yield from rows
        yield ""


def _row(parameter: Any) -> str:
    if parameter.name == "help" or getattr(parameter, "hidden", False):
        return ""
    is_option = parameter.param_type_name == "option"
    names = [*parameter.opts, *parameter.secondary_opts] if is_option else [parameter.name.upper()]
    words = " ".join((getattr(parameter, "help", None) or "").split())
    default = parameter.default
    if isinstance(default, (str, int, float, Path)) and not isinstance(default, bool) and default:
        words += f" (default: `{default}`)"
    return f"| {', '.join(f'`{each}`' for each in names)} | {words.replace('|', chr(92) + '|')} |"


def _rest() -> Iterator[str]:
    """Every operation of the API, with what it takes."""
    document = api_document(make_api(_administration()), "")
    yield f"# REST API\n\n{document['info']['description']}\n"
    yield "A running node shows the same at `/docs`, and as OpenAPI at `/api/v1/openapi.json`.\n"
    by_tag: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            row = f"| `{method.upper()}` | `{path}` | {operation.get('description', '')} |"
            by_tag.setdefault(operation["tags"][0], []).append(" ".join(row.split()))
    for tag, rows in by_tag.items():
        yield f"## {tag}\n\n| method | path | what |\n| --- | --- | --- |"
        yield from rows
        yield ""


def _administration() -> Administration:
    """Whatever the API's routes are made of; nothing of it is asked."""
    with tempfile.TemporaryDirectory() as folder:
        repositories = Repositories(NodeSettings(data_dir=Path(folder)))
        cards = ModelCards(_ROOT / "config", Path(folder))
        try:
            routes = make_routes(repositories, _ROOT / "config", cards)
            return make_administration(repositories, routes=routes, cards=cards)
        finally:
            repositories.close()
