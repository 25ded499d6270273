"""The tree of commands."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from dicom_node import __version__
from dicom_node.cli import (
    ae,
    backup,
    calibrate,
    conformance,
    doctor,
    drift,
    evidence,
    models,
    network,
    review,
    route,
    serve,
    status,
    users,
    warehouse,
)
from dicom_node.cli.context import Invocation
from dicom_node.network.libraries import set_up_dicom_libraries

# What the node and its commands write is for its own user: images, databases and keys.
_PRIVATE = 0o077

application = typer.Typer(
    name="dicom-node",
    help="A DICOM-native AI integration node: studies in, structured reports and overlays out.\n\n"
    "Start with [bold]ae add[/] (who may send, where results go), then [bold]serve[/]; "
    "[bold]status[/] shows what happened, [bold]doctor[/] what is wrong.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
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
    set_up_dicom_libraries()
    resources = context.with_resource(ExitStack())
    context.obj = Invocation(config_dir=config, console=Console(), resources=resources)


application.command("serve")(serve.serve)
application.command("status")(status.status)
application.command("retry")(status.retry)
application.command("doctor")(doctor.doctor)
application.command("conformance")(conformance.conformance)
application.command("drift")(drift.drift)
application.command("migrate")(doctor.migrate_schema)
application.command("backup")(backup.backup)
application.command("restore")(backup.restore)
application.command("echo")(network.echo)
application.command("send")(network.send)
application.add_typer(ae.commands, name="ae")
application.add_typer(evidence.commands, name="evidence")
application.add_typer(route.commands, name="route")
application.add_typer(models.commands, name="models")
application.add_typer(users.commands, name="users")
application.add_typer(review.commands, name="review")
application.add_typer(warehouse.commands, name="warehouse")
application.add_typer(calibrate.commands, name="calibrate")
