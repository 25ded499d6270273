"""``dicom-node users``: who may sign in to the pages."""

import getpass
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.configuration.passwords import hashed
from dicom_node.domain.user import User, UserRole
from dicom_node.node.clock import utc_now

commands = typer.Typer(
    help="Administer who may sign in to the pages; a running node uses changes at once.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="What the person signs in as.")]
Password = Annotated[
    str,
    typer.Option(
        prompt=True,
        confirmation_prompt=True,
        hide_input=True,
        envvar="DICOM_NODE_NEW_PASSWORD",
        help="At least 10 characters; asked for when it is not given. Better not on the line.",
    ),
]
Roles = Annotated[
    list[UserRole],
    typer.Option(
        "--role",
        help="expert: verifies findings; reader: attests only; admin: calibration and models. "
        "May be given several times.",
    ),
]


@commands.command("add")
def add(
    context: typer.Context,
    name: Name,
    role: Roles,
    password: Password,
    title: Annotated[
        str, typer.Option(help="Name in verified reports, as Family^Given; the user name if empty.")
    ] = "",
    organization: Annotated[str, typer.Option(help="Organisation in verified reports.")] = "",
) -> None:
    """Add a person."""
    run = invocation(context)
    user = User(name=name, title=title or name, organization=organization, roles=frozenset(role))
    user.check_title()
    run.administration().users.add(user, hashed(password), actor=getpass.getuser(), at=utc_now())
    run.console.print(f"Added {user.name} ({', '.join(sorted(user.roles))}).")


@commands.command("list")
def show(context: typer.Context) -> None:
    """List the people who may sign in."""
    run = invocation(context)
    table = Table("Name", "Title", "Organisation", "Roles", "", box=None)
    for each in run.administration().users.all():
        state = "disabled" if each.disabled else ""
        roles = ", ".join(sorted(each.roles))
        table.add_row(each.name, each.title, each.organization, roles, state)
    if table.row_count:
        run.console.print(table)
    else:
        run.console.print("Nobody may sign in yet. `dicom-node users add --help`")


@commands.command("disable")
def disable(context: typer.Context, name: Name) -> None:
    """Keep a person out; open sessions end at once."""
    run = invocation(context)
    users = run.administration().users
    users.change(replace(users.get(name), disabled=True), actor=getpass.getuser(), at=utc_now())
    run.console.print(f"{name} can no longer sign in.")


@commands.command("enable")
def enable(context: typer.Context, name: Name) -> None:
    """Let a disabled person in again."""
    run = invocation(context)
    users = run.administration().users
    users.change(replace(users.get(name), disabled=False), actor=getpass.getuser(), at=utc_now())
    run.console.print(f"{name} can sign in.")


@commands.command("password")
def password(context: typer.Context, name: Name, password: Password) -> None:
    """Give a person another password; open sessions end at once."""
    run = invocation(context)
    run.administration().users.set_password(
        name, hashed(password), actor=getpass.getuser(), at=utc_now()
    )
    run.console.print(f"{name} has a new password.")
