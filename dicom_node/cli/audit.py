"""``dicom-node audit``: who did what, and whether the trail is as it was written."""

import getpass
import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from dicom_node.audit.errors import AuditError
from dicom_node.audit.events import log_used
from dicom_node.audit.reading import Shown, Wanted, newest
from dicom_node.audit.verifying import verify as verify_trail
from dicom_node.cli.context import invocation
from dicom_node.node.clock import utc_now

commands = typer.Typer(
    help="The audit trail: who did what, and whether it is as it was written.",
    no_args_is_help=True,
)


@commands.command("show")
def show(
    context: typer.Context,
    since: Annotated[datetime | None, typer.Option(help="From this day or time on (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before this day or time (UTC).")] = None,
    user: Annotated[str, typer.Option(help="By this person, AE title or process.")] = "",
    study: Annotated[str, typer.Option(help="About this Study Instance UID.")] = "",
    event: Annotated[
        str, typer.Option(help="Part of an event's name, or its code in PS3.16 CID 400 or 401.")
    ] = "",
    limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 50,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line, with everything.")
    ] = False,
) -> None:
    """Show records, the newest first. That the trail was read is recorded too."""
    run = invocation(context)
    folder = run.settings().audit_dir
    wanted = Wanted(since=_utc(since), until=_utc(until), user=user, study=study, event=event)
    found = newest(folder, wanted, limit=limit)
    if as_json:
        for each in found:
            typer.echo(json.dumps(each.as_json(), ensure_ascii=False))
    elif found:
        run.console.print(_table(found))
    else:
        run.console.print("No record fits.")
    run.record(log_used(getpass.getuser(), at=utc_now(), address="", where="dicom-node audit show"))


@commands.command("verify")
def verify(
    context: typer.Context,
    first: Annotated[
        int,
        typer.Option(help="The record that it begins with, where earlier files lie elsewhere."),
    ] = 1,
    digest: Annotated[
        str, typer.Option(help="A digest that a syslog receiver has kept: the trail must hold it.")
    ] = "",
) -> None:
    """Read the whole trail: was a record changed, removed, moved or added since?

    Ends with status 1 and names them if so.
    """
    run = invocation(context)
    found = verify_trail(run.settings().audit_dir, first=first, digest=digest)
    for each in found.problems:
        run.console.print(f"[red]{each[0].upper()}{each[1:]}.[/]", highlight=False, soft_wrap=True)
    if found.problems:
        raise AuditError(f"the audit trail is not as it was written: {len(found.problems)} things.")
    run.console.print(
        f"{found.records} records are as they were written. The last is {found.last}, its digest "
        f"{found.digest}.",
        highlight=False,
        soft_wrap=True,
    )


def _table(found: list[Shown]) -> Table:
    table = Table("No.", "When (UTC)", "Who", "From", "What", "Of", "Outcome", box=None)
    for each in found:
        table.add_row(
            str(each.number),
            f"{each.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            each.who,
            ", ".join(one.address for one in each.by if one.asked and one.address),
            ", ".join([each.event, *each.types]),
            ", ".join(f"{one.kind} {one.id}" for one in each.about),
            f"{each.outcome}: {each.description}" if each.description else each.outcome,
        )
    return table


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None else None
