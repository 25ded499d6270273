"""``dicom-node deliveries``: what was given up, which destinations are down, and another try."""

import getpass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.delivery import Delivery, deliveries
from dicom_node.node.mending import make_deliveries
from dicom_node.node.repositories import Repositories

commands = typer.Typer(
    help="Results on their way: what was given up, and another try for it.", no_args_is_help=True
)

Destination = Annotated[str, typer.Argument(help="An AE title; without it, all destinations.")]
Since = Annotated[
    datetime | None,
    typer.Option(
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"],
        help="Only what was to be sent since then (UTC): 2026-11-01 or 2026-11-01T08:30.",
    ),
]


@commands.command("list")
def list_given_up(
    context: typer.Context,
    destination: Destination = "",
    since: Since = None,
    limit: Annotated[int, typer.Option(min=1, help="How many to show, the oldest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Count deliveries by where they stand; list those given up, with study and reason."""
    run = invocation(context)
    repositories = run.repositories(rows_alone=True)
    found = repositories.deliveries.given_up(destination, since=_utc(since), limit=limit)
    if as_json:
        write_json(found)
        return
    show_standings(run.console, repositories, destination)
    show_outages(run.console, repositories)
    for each in found:
        _show(run.console, repositories, each)
    if not found:
        run.console.print("No delivery was given up.")
        return
    total = sum(repositories.deliveries.given_up_counts().values())
    run.console.print(
        f"{len(found)} of {total} given up; dicom-node deliveries retry tries them again.",
        highlight=False,
    )


@commands.command("retry")
def retry(context: typer.Context, destination: Destination = "", since: Since = None) -> None:
    """Try given-up deliveries again, of one destination or all; a running node takes them up."""
    run = invocation(context)
    kept = make_deliveries(run.repositories(rows_alone=True))
    count = kept.retry(actor=getpass.getuser(), destination=destination, since=_utc(since))
    run.console.print(f"{deliveries(count)} will be tried again.", highlight=False)


def show_standings(console: Console, repositories: Repositories, destination: str = "") -> None:
    """Say how many deliveries to each destination were sent, committed, not committed…"""
    for (title, standing), count in repositories.deliveries.standings().items():
        if destination in ("", title):
            console.print(f"Deliveries to {title} {standing}: {count}", highlight=False)


def show_outages(console: Console, repositories: Repositories) -> None:
    """Say which destinations are down, and how many deliveries wait for each or were given up."""
    for each in repositories.deliveries.outages():
        console.print(
            f"Down since {each.since:%Y-%m-%d %H:%M} UTC: {each.destination}, {each.words}",
            highlight=False,
            soft_wrap=True,
        )
    for destination, count in repositories.deliveries.given_up_counts().items():
        console.print(
            f"Given up: {deliveries(count)} to {destination}; dicom-node deliveries list says why.",
            highlight=False,
        )


def _show(console: Console, repositories: Repositories, delivery: Delivery) -> None:
    study, _ = repositories.hotbase.job_instances(delivery.job_id)
    console.print(
        f"{delivery.created_at:%Y-%m-%d %H:%M} {delivery.destination} {delivery.standing} "
        f"study {study} (tries: {delivery.attempts}): {delivery.last_error}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
