"""``dicom-node notify``: who is told when something is wrong, or urgent."""

import getpass
from typing import Annotated

import typer
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.notice import Weight
from dicom_node.node.noticing import make_notifications

commands = typer.Typer(
    help="Who is told when something is wrong, or urgent: e-mail, webhook, chat, syslog.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="What the channel is called.")]


@commands.command("list")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """List who is told; addresses are never shown."""
    run = invocation(context)
    if as_json:
        write_json(make_notifications(run.repositories(rows_alone=True)).all())
        return
    table = Table("Name", "Goes to", "Of", "Told last", box=None)
    for each in make_notifications(run.repositories(rows_alone=True)).all():
        last = f"{each.last_told:%Y-%m-%d %H:%M} UTC" if each.last_told else "nothing yet"
        table.add_row(each.name, each.leads_to, ", ".join(each.weights), last)
    if table.row_count:
        run.console.print(table)
    else:
        run.console.print("Nobody is told. `dicom-node notify add --help`")


@commands.command("add")
def add(
    context: typer.Context,
    name: Name,
    url: Annotated[
        str,
        typer.Option(
            prompt="Address",
            hide_input=True,
            envvar="DICOM_NODE_NOTIFY_URL",
            help="mailtos://…, jsons://…, syslog://…: an address of Apprise. Asked for when it is "
            "not given; better not on the line, as it may hold a password.",
        ),
    ],
    weight: Annotated[
        list[Weight] | None,
        typer.Option("--of", help="What it is told of; repeatable. All of it where left out."),
    ] = None,
) -> None:
    """Add a channel; a running node uses it within half a minute."""
    run = invocation(context)
    weights = frozenset(weight or Weight)
    shown = make_notifications(run.repositories()).add(name, url, weights, actor=getpass.getuser())
    run.console.print(
        f"Added {shown.name}: {shown.leads_to}. Try it: dicom-node notify test {shown.name!r}",
        highlight=False,
    )


@commands.command("remove")
def remove(context: typer.Context, name: Name) -> None:
    """Forget a channel."""
    run = invocation(context)
    make_notifications(run.repositories()).remove(name, actor=getpass.getuser())
    run.console.print(f"{name} is told nothing any more.")


@commands.command("test")
def test(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Which; without it, every channel.")] = "",
) -> None:
    """Send a test over a channel, or over all of them."""
    run = invocation(context)
    notifications = make_notifications(run.repositories())
    names = [name] if name else [each.name for each in notifications.all()]
    if not names:
        run.console.print("Nobody is told. `dicom-node notify add --help`")
        raise typer.Exit(1)
    for each in names:
        notifications.test(each, actor=getpass.getuser())
        run.console.print(f"{each} has taken a test: look whether it arrived.")
