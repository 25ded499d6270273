"""``python -m dicom_node.demo [STUDY]``: what ``make demo`` runs."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dicom_node.configuration.supplied import configuration_at_hand
from dicom_node.demo.run import DemoOptions, run
from dicom_node.errors import NodeError
from dicom_node.network.libraries import set_up_dicom_libraries


def demo(
    study: Annotated[
        Path | None,
        typer.Argument(help="A DICOM file or a folder of them; without it, a synthetic chest."),
    ] = None,
    results: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo"),
    config: Annotated[
        Path | None,
        typer.Option(
            help="Folder of routes.toml and models.toml; without it config, or what comes with the "
            "node where there is none.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Send a study through a real node into a small PACS, and show what comes back."""
    path = study.expanduser() if study else None
    config_dir = config or configuration_at_hand()
    passed = run(DemoOptions(study=path, results=results, config_dir=config_dir), Console())
    raise typer.Exit(0 if passed else 1)


def main() -> None:
    """Run the demonstration; a known error is told in one line and ends with status 1."""
    set_up_dicom_libraries()
    try:
        command = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        command.command()(demo)
        command(prog_name="python -m dicom_node.demo")
    except NodeError as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
