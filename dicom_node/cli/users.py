"""``dicom-node users``: who may sign in to the pages."""

import getpass
from typing import Annotated

import typer
from rich.table import Table

from dicom_node.administration.people import USER_ENTRY
from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.user import Permission, UserRole

commands = typer.Typer(
    help="Administer who may sign in to the pages; a running node uses changes at once.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="What the person signs in as.")]
Password = Annotated[
    str,
    typer.Option(
        envvar="DICOM_NODE_NEW_PASSWORD",
        help="At least 10 characters; asked for when it is not given. Better not on the line. "
        "Nobody has one where openid.only is set.",
    ),
]
Roles = Annotated[
    list[UserRole],
    typer.Option(
        "--role",
        help="expert: verifies findings; reader: attests only; operator: sees and mends traffic; "
        "admin: changes the configuration. May be given several times.",
    ),
]


@commands.command("add")
def add(
    context: typer.Context,
    name: Name,
    role: Roles,
    password: Password = "",
    title: Annotated[
        str, typer.Option(help="Name in verified reports, as Family^Given; the user name if empty.")
    ] = "",
    organization: Annotated[str, typer.Option(help="Organisation in verified reports.")] = "",
) -> None:
    """Add a person."""
    run = invocation(context)
    people = run.administration().people
    said = {"name": name, "title": title, "organization": organization, "roles": role}
    user = people.read(said)
    if people.passwords:
        password = password or _asked()
    people.add(user, password, actor=getpass.getuser())
    run.console.print(f"Added {user.name} ({', '.join(sorted(user.roles))}).")


@commands.command("list")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """List the people who may sign in."""
    run = invocation(context)
    if as_json:
        write_json(run.administration().people.all())
        return
    table = Table("Name", "Title", "Organisation", "Roles", "", box=None)
    for each in run.administration().people.all():
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
    run.administration().people.set_disabled(name, disabled=True, actor=getpass.getuser())
    run.console.print(f"{name} can no longer sign in.")


@commands.command("enable")
def enable(context: typer.Context, name: Name) -> None:
    """Let a disabled person in again."""
    run = invocation(context)
    run.administration().people.set_disabled(name, disabled=False, actor=getpass.getuser())
    run.console.print(f"{name} can sign in.")


@commands.command("password")
def password(context: typer.Context, name: Name, password: Password = "") -> None:
    """Give a person another password; open sessions end at once."""
    run = invocation(context)
    people = run.administration().people
    if people.passwords:
        password = password or _asked()
    people.set_password(name, password, actor=getpass.getuser())
    run.console.print(f"{name} has a new password.")


@commands.command("set")
def change(
    context: typer.Context,
    name: Name,
    role: Annotated[list[UserRole] | None, typer.Option(help="All roles from now on.")] = None,
    title: Annotated[str | None, typer.Option(help="Name in verified reports.")] = None,
    organization: Annotated[str | None, typer.Option(help="Organisation in them.")] = None,
) -> None:
    """Change a person; options that are left out stay as they are, open sessions end."""
    run = invocation(context)
    people = run.administration().people
    present = people.get(name)
    said = {
        **USER_ENTRY.dump_python(present),
        "roles": role or present.roles,
        **{
            field: value
            for field, value in (("title", title), ("organization", organization))
            if value is not None
        },
    }
    people.change(people.read(said), actor=getpass.getuser(), epoch=present.epoch)
    run.console.print(f"Changed {name}.")


@commands.command("remove")
def remove(context: typer.Context, name: Name) -> None:
    """Forget a person and the tokens in their name; verdicts keep it."""
    run = invocation(context)
    run.administration().people.remove(name, actor=getpass.getuser())
    run.console.print(f"Removed {name}.")


@commands.command("tokens")
def tokens(context: typer.Context, as_json: AsJson = False) -> None:
    """List the tokens that machines sign in with; their texts are kept nowhere."""
    run = invocation(context)
    if as_json:
        write_json(run.administration().people.tokens())
        return
    table = Table("Token", "Name", "Acts for", "May", "Until", "Last used", box=None)
    for each in run.administration().people.tokens():
        used = each.last_used_at.isoformat(timespec="minutes") if each.last_used_at else "never"
        until = each.expires_at.date().isoformat()
        scopes = ", ".join(sorted(each.scopes))
        table.add_row(each.token_id, each.name, each.owner, scopes, until, used)
    if table.row_count:
        run.console.print(table)
    else:
        run.console.print("No machine has a token. `dicom-node users issue --help`")


@commands.command("issue")
def issue(
    context: typer.Context,
    name: Name,
    label: Annotated[str, typer.Option("--for", help="What the token is for.")],
    scope: Annotated[list[Permission], typer.Option(help="What it may; repeatable.")],
    days: Annotated[int, typer.Option(help="How long it lasts.")] = 90,
    ae_title: Annotated[str, typer.Option(help="As which AE title it stores (STOW-RS).")] = "",
) -> None:
    """Make a token that acts for a person; its text is shown once."""
    run = invocation(context)
    people = run.administration().people
    said = {"name": label, "owner": name, "scopes": scope, "days": days, "ae_title": ae_title}
    token, text = people.issue(people.read_token(said), actor=getpass.getuser())
    run.console.print(f"Token {token.token_id}, until {token.expires_at.date()}:", highlight=False)
    run.console.print(text, highlight=False, soft_wrap=True)


@commands.command("revoke")
def revoke(
    context: typer.Context, token: Annotated[str, typer.Argument(help="Which, as listed.")]
) -> None:
    """Take a token back; it is refused at once."""
    run = invocation(context)
    gone = run.administration().people.revoke(token, actor=getpass.getuser())
    run.console.print(f"Took back {gone.name}, which acted for {gone.owner}.")


def _asked() -> str:
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked
