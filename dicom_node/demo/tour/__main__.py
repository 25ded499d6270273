"""``python -m dicom_node.demo.tour``: what ``make tour`` runs."""

import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from dicom_node.configuration.supplied import configuration_at_hand
from dicom_node.demo.tour.run import TourOptions, show, tour
from dicom_node.errors import NodeError
from dicom_node.network.libraries import set_up_dicom_libraries


def take_a_tour(
    config: Annotated[
        Path | None,
        typer.Option(
            help="Folder of routes.toml and models.toml; without it config, or what comes with the "
            "node where there is none.",
            show_default=False,
        ),
    ] = None,
    orthanc: Annotated[Path, typer.Option(help="Folder of Orthanc's configuration.")] = Path(
        "orthanc"
    ),
    cache: Annotated[Path, typer.Option(help="Folder for converted models; it stays.")] = (
        Path("demo") / "work" / "data" / "cache"
    ),
    without: Annotated[
        list[str] | None, typer.Option(help="Leave out orthanc or viewer; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run the whole product with synthetic studies until Ctrl-C, and show where to look."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        if ended.is_set():
            return  # it is ending already: a second Ctrl-C must not leave half of it
        ended.set()
        if not ready:
            raise KeyboardInterrupt

    ready = False
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, end)
    options = TourOptions(
        config_dir=config or configuration_at_hand(),
        orthanc_dir=orthanc,
        cache=cache,
        without=frozenset(without or ()),
    )
    console = Console(stderr=as_json)
    try:
        with tour(options, console) as made:
            ready = True
            if as_json:
                sys.stdout.write(made.as_json() + "\n")
                sys.stdout.flush()
            else:
                show(made, console)
            ended.wait()
    except KeyboardInterrupt:
        console.print("Broken off; what had been started is stopped again.")
        raise typer.Exit(130) from None


def main() -> None:
    """Run the tour; a known error is told in one line and ends with status 1."""
    set_up_dicom_libraries()
    try:
        command = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        command.command()(take_a_tour)
        command(prog_name="python -m dicom_node.demo.tour")
    except NodeError as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
