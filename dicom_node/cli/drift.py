"""``dicom-node drift`` and ``models suspend|resume|suspended``."""

import getpass
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ai_engine.kinds.shipped import CHEST_MODEL
from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.node.mending import make_suspensions

if TYPE_CHECKING:
    from ai_engine.drift.agreement import Rate
    from ai_engine.drift.shift import Shift

commands = typer.Typer()

Model = Annotated[str, typer.Argument(help="The model.")]
Device = Annotated[str, typer.Option(help="The device's identifier.")]
By = Annotated[str, typer.Option(help="Who decides; without it, who is logged in.")]


def drift(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="The model.")] = CHEST_MODEL,
    as_json: AsJson = False,
) -> None:
    """Compare each device's recent images, scores and verdicts with what they were before."""
    run = invocation(context)
    repositories, cards = run.repositories(rows_alone=True), run.model_cards()
    # Loads all that watches devices, which no other command here needs.
    from dicom_node.node.device_jobs import DeviceJobs  # noqa: PLC0415

    jobs, identity = DeviceJobs(repositories, cards), cards.identity(model)
    devices = repositories.observations.devices(model)
    if as_json:
        write_json([jobs.watch.measure(each, identity) for each in devices])
        return
    if not devices:
        run.console.print(f"Nothing has been analysed by {identity.key} yet.", highlight=False)
        return
    table = Table(
        "Device", "Score shift (PSI)", "Image shift (PSI)", "Accepted", "Kappa", "State", box=None
    )
    alerts = []
    for device in devices:
        found = jobs.watch.measure(device, identity)
        table.add_row(
            device,
            _shifts(found.scores),
            _shifts(found.quality),
            _rate(found.acceptance),
            ", ".join(
                f"{each.label} {each.kappa:.2f}" for each in found.labels if each.kappa is not None
            ),
            "[red]suspended[/]" if found.suspension else "in use",
        )
        alerts += [f"{device}: {alert}" for alert in found.alerts]
    run.console.print(table)
    for alert in alerts:
        run.console.print(f"[yellow]![/] {alert}", highlight=False)


@commands.command("suspend")
def suspend(
    context: typer.Context,
    name: Model,
    device: Device,
    why: Annotated[str, typer.Option(help="The reason; reports will state it.")],
    by: By = "",
) -> None:
    """Let a model look at no more images of a device; reports say so and why."""
    run = invocation(context)
    identity = run.model_cards().identity(name)
    suspensions = make_suspensions(run.repositories(rows_alone=True))
    suspensions.suspend(identity.name, device, reason=why, actor=by or getpass.getuser())
    run.console.print(
        f"{name} looks at no more images of {device}: dicom-node models resume takes it back.",
        highlight=False,
    )


@commands.command("resume")
def resume(context: typer.Context, name: Model, device: Device, by: By = "") -> None:
    """Let a suspended model look at a device's images again."""
    run = invocation(context)
    suspensions = make_suspensions(run.repositories(rows_alone=True))
    lifted = suspensions.resume(name, device, actor=by or getpass.getuser())
    run.console.print(f"{name} looks at {device} again (it was: {lifted.reason}).", highlight=False)


@commands.command("suspended")
def suspended(context: typer.Context, as_json: AsJson = False) -> None:
    """List which models are suspended for which devices, and why."""
    run = invocation(context)
    found = run.repositories(rows_alone=True).observations.suspensions()
    if as_json:
        write_json(found)
        return
    if not found:
        run.console.print("No model is suspended.")
        return
    table = Table("Device", "Model", "Since", "By", "Why", box=None)
    for each in found:
        since = each.at.isoformat(timespec="seconds")
        table.add_row(each.device_id, each.model_name, since, each.actor, each.reason)
    run.console.print(table)


def _shifts(shifts: "Mapping[str, Shift | None]") -> str:
    known = [f"{name} {found.psi:.2f}" for name, found in shifts.items() if found is not None]
    return ", ".join(known) or "too few images"


def _rate(found: "Rate | None") -> str:
    if found is None:
        return "no verdicts"
    return f"{found.value:.0%} of {found.among} ({found.low:.0%} to {found.high:.0%})"
