"""``dicom-node echo`` and ``dicom-node send``: this node as a service class user."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.counting import counted
from dicom_node.errors import ConfigurationError, NodeError
from dicom_node.network.associations import Destination
from dicom_node.network.storage_scu import echo as send_echo
from dicom_node.network.storage_scu import store
from dicom_node.network.store_outcome import StoreOutcome
from dicom_node.node.peers import address_of, looking_timeouts, scu_timeouts

To = Annotated[
    str,
    typer.Option(
        help="TITLE of an administered AE, or TITLE@HOST:PORT; without it, this node itself."
    ),
]
CallingTitle = Annotated[
    str, typer.Option("--from", help="Calling AE title; without it, this node's own.")
]


class NotStoredError(NodeError):
    """Some objects were not stored by the peer."""


def echo(context: typer.Context, to: To = "", calling: CallingTitle = "") -> None:
    """Send a C-ECHO: is the peer there, and does it know this AE title?"""
    run = invocation(context)
    settings = run.settings()
    peer = _peer(run, to)
    seconds = send_echo(
        peer,
        calling_ae=calling or settings.network.ae_title,
        timeouts=looking_timeouts(settings),
    )
    run.console.print(f"{peer.ae_title} answered in {seconds * 1000:.0f} ms.")


def send(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")],
    to: To = "",
    calling: CallingTitle = "",
) -> None:
    """Send DICOM files over one association; without --to, to this node itself."""
    run = invocation(context)
    settings = run.settings()
    files = sorted(_files(paths))
    if not files:
        raise ConfigurationError("no files to send: name DICOM files or folders that hold some.")
    outcomes = store(
        files,
        _peer(run, to),
        calling_ae=calling or settings.network.ae_title,
        timeouts=scu_timeouts(settings),
    )
    failed = [outcome for outcome in outcomes if not outcome.stored]
    run.console.print(f"{len(outcomes) - len(failed)} of {len(outcomes)} objects stored.")
    if failed:
        run.console.print(_failures(failed))
        raise NotStoredError(f"{counted(len(failed), 'object was', 'objects were')} not stored")


def _peer(run: Invocation, to: str) -> Destination:
    settings = run.settings()
    if not to:
        return Destination(
            ae_title=settings.network.ae_title, host="127.0.0.1", port=settings.network.port
        )
    title, separator, address = to.partition("@")
    if not separator:
        entity = run.repositories().ae_titles.get(title)
        return address_of(settings, entity)
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ConfigurationError(f"--to {to}: write TITLE@HOST:PORT.")
    return Destination(ae_title=title, host=host, port=int(port))


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (each for each in path.rglob("*") if each.is_file())
        elif path.is_file():
            yield path
        else:
            raise ConfigurationError(f"{path} does not exist.")


def _failures(failed: list[StoreOutcome]) -> Table:
    table = Table("File", "Outcome", "Status", "Why", box=None)
    for outcome in failed:
        table.add_row(
            str(outcome.path),
            outcome.kind.value,
            f"0x{outcome.status:04X}" if outcome.status is not None else "",
            outcome.comment,
        )
    return table
