"""The tree of commands; what a command needs is imported when that command is asked for."""

import gc
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from dicom_node import __version__
from dicom_node.cli.context import Invocation, set_up_dicom


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """What is known of a command before its module is imported.

    Attributes
    ----------
    target
        ``module:attribute`` of a function, or of a `typer.Typer` with commands below it.
    summary
        What the list of commands says of it: the first line of its own help.
    reads_dicom
        Whether it always meets DICOM objects or networks; one that seldom does answers sooner
        without their libraries, and sets them up where it needs them (`Invocation.repositories`
        does unless rows are enough).
    calls_peers
        Whether it speaks DICOM over a network.
    """

    target: str
    summary: str
    reads_dicom: bool = True
    calls_peers: bool = False


COMMANDS = {
    "init": Listed(
        target="dicom_node.cli.init:init",
        summary="Write the configuration to begin with, where there is none yet.",
        reads_dicom=False,
    ),
    "serve": Listed(
        target="dicom_node.cli.serve:serve",
        summary="Run the node until it is told to stop (Ctrl-C or SIGTERM).",
        calls_peers=True,
    ),
    "status": Listed(
        target="dicom_node.cli.status:status",
        summary="Show recent studies, or everything about one of them.",
        reads_dicom=False,
    ),
    "priors": Listed(
        target="dicom_node.cli.priors:priors",
        summary="Show the priors of a study: which were found, and whether they are here.",
        reads_dicom=False,
    ),
    "retry": Listed(
        target="dicom_node.cli.status:retry",
        summary="Try failed studies and given-up deliveries again; a running node takes them up "
        "shortly.",
        reads_dicom=False,
    ),
    "doctor": Listed(
        target="dicom_node.cli.doctor:doctor",
        summary="Check configuration, disk, database, models and destinations; say what to do.",
        calls_peers=True,
    ),
    "conformance": Listed(
        target="dicom_node.cli.conformance:conformance",
        summary="Write the DICOM Conformance Statement (PS3.2) of this node, in Markdown.",
        calls_peers=True,
    ),
    "drift": Listed(
        target="dicom_node.cli.drift:drift",
        summary="Compare each device's recent images, scores and verdicts with what they were "
        "before.",
        reads_dicom=False,
    ),
    "migrate": Listed(
        target="dicom_node.cli.doctor:migrate_schema",
        summary="Bring the schemas of Hotbase and Warehouse up to date (serve does this by "
        "itself).",
    ),
    "backup": Listed(
        target="dicom_node.cli.backup:backup",
        summary="Copy databases, archive, models and configuration while the node runs.",
    ),
    "restore": Listed(
        target="dicom_node.cli.backup:restore",
        summary="Put a backup back into an empty data folder and empty databases, as the settings "
        "name them.",
    ),
    "erase": Listed(
        target="dicom_node.cli.erase:erase",
        summary="Erase everything of a patient or a study: images, results, verdicts, validated "
        "images.",
    ),
    "audit": Listed(
        target="dicom_node.cli.audit:commands",
        summary="The audit trail: who did what, and whether it is as it was written.",
        reads_dicom=False,
    ),
    "retention": Listed(
        target="dicom_node.cli.retention:retention",
        summary="Show whose images and results are to be removed by retention, or remove them.",
        reads_dicom=False,
    ),
    "echo": Listed(
        target="dicom_node.cli.network:echo",
        summary="Send a C-ECHO: is the peer there, and does it know this AE title?",
        calls_peers=True,
    ),
    "send": Listed(
        target="dicom_node.cli.network:send",
        summary="Send DICOM files over one association; without --to, to this node itself.",
        calls_peers=True,
    ),
    "orthanc": Listed(
        target="dicom_node.cli.orthanc:commands",
        summary="Pull studies from an Orthanc, push results to it; over REST.",
        calls_peers=True,
    ),
    "ae": Listed(
        target="dicom_node.cli.ae:commands",
        summary="Administer AE titles; a running node uses changes at once.",
        reads_dicom=False,
    ),
    "evidence": Listed(
        target="dicom_node.cli.evidence:commands",
        summary="Results that broke a rule of the Standard and were therefore held back, not sent.",
        reads_dicom=False,
    ),
    "deliveries": Listed(
        target="dicom_node.cli.deliveries:commands",
        summary="Results on their way: what was given up, and another try for it.",
        reads_dicom=False,
    ),
    "studies": Listed(
        target="dicom_node.cli.studies:commands",
        summary="Studies whose images name several patients, and whose they are.",
        reads_dicom=False,
    ),
    "route": Listed(
        target="dicom_node.cli.route:commands",
        summary="Check and explain routes.",
        reads_dicom=False,
    ),
    "datasets": Listed(
        target="dicom_node.cli.datasets:commands",
        summary="Put data sets together to train on.",
        reads_dicom=False,
    ),
    "papers": Listed(
        target="dicom_node.cli.papers:papers",
        summary="Print a table of one of the five papers with our figures beside: trains and "
        "measures what is missing.",
        reads_dicom=False,
    ),
    "models": Listed(
        target="dicom_node.cli.models:commands",
        summary="List, import, promote, train, evaluate and compare models.",
        reads_dicom=False,
    ),
    "users": Listed(
        target="dicom_node.cli.users:commands",
        summary="Administer who may sign in to the pages; a running node uses changes at once.",
        reads_dicom=False,
    ),
    "notify": Listed(
        target="dicom_node.cli.notify:commands",
        summary="Who is told when something is wrong, or urgent: e-mail, webhook, chat, syslog.",
        reads_dicom=False,
    ),
    "review": Listed(
        target="dicom_node.cli.review:commands",
        summary="Results that wait for an expert: look, claim, decide. A running node makes a "
        "verdict known within seconds.",
        reads_dicom=False,
    ),
    "warehouse": Listed(
        target="dicom_node.cli.warehouse:commands",
        summary="Count and export what experts have validated.",
        reads_dicom=False,
    ),
    "calibrate": Listed(
        target="dicom_node.cli.calibrate:commands",
        summary="Calibrate each device on what experts have validated.",
        reads_dicom=False,
    ),
}


class Commands(TyperGroup):
    """Lists the commands by the table, and imports the one that is called."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {
            name: TyperCommand(name, help=listed.summary) for name, listed in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name, the command itself in place of its line in the list, and the rest."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name in COMMANDS else found, rest


def load_command(name: str) -> Any:
    """A command of the table with its arguments and all below it, imported now."""
    found = resolve_name(COMMANDS[name].target)
    tree = typer.Typer(add_completion=False, rich_markup_mode="rich", cls=TyperGroup)
    tree.callback()(_nothing)  # a tree of one command is a tree all the same
    if isinstance(found, typer.Typer):
        tree.add_typer(found, name=name)
    else:
        tree.command(name)(found)
    return typer.main.get_group(tree).commands[name]


def _nothing() -> None:
    pass


# What the node and its commands write is for its own user: images, databases and keys.
_PRIVATE = 0o077

application = typer.Typer(
    name="dicom-node",
    help="A DICOM-native AI integration node: studies in, structured reports and overlays out.\n\n"
    "Start with [bold]init[/] (the configuration), [bold]ae add[/] (who may send, where results "
    "go), then [bold]serve[/]; [bold]status[/] shows what happened, [bold]doctor[/] what is wrong.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    cls=Commands,
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(__version__)
        raise typer.Exit


@application.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path,
        typer.Option(
            help="Folder of node.toml, routes.toml, ae_titles.toml and models.toml.",
            envvar="DICOM_NODE_CONFIG",
        ),
    ] = Path("config"),
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    """Remember the options that come before the command."""
    del version
    os.umask(_PRIVATE)
    called = COMMANDS.get(context.invoked_subcommand or "")
    if called is not None and called.reads_dicom:
        set_up_dicom(calls_peers=called.calls_peers)
    gc.freeze()
    gc.enable()  # `main` has stopped it while modules were imported
    resources = context.with_resource(ExitStack())
    context.obj = Invocation(config_dir=config, console=Console(), resources=resources)
