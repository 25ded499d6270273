"""``dicom-node calibrate``: thresholds and probabilities of each device, and their history."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ai_engine.calibration.device import EVERY_DEVICE, LabelCalibration
from ai_engine.calibration.objective import parse_objective
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.prediction import ModelIdentity
from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.counting import counted
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.errors import ConfigurationError
from dicom_node.node.clock import utc_now

if TYPE_CHECKING:
    from dicom_node.workflow.devices.calibrate import CalibrationOutcome

commands = typer.Typer(
    help="Calibrate each device on what experts have validated.\n\n"
    "Without a further word: choose thresholds and probability maps for all devices together and "
    "for each device with enough cases. A running node uses them from the next study on; "
    "[bold]calibrate rollback[/] takes them back.",
    invoke_without_command=True,
)

Model = Annotated[str, typer.Option(help="The model; its active version is calibrated.")]
Device = Annotated[
    str, typer.Option(help="A device's identifier; * is all devices together, =… those of a model.")
]
By = Annotated[str, typer.Option(help="Who does it; without it, who is logged in.")]


@commands.callback()
def calibrate(
    context: typer.Context,
    device: Annotated[
        str, typer.Option(help="Only this device; without it, all together and each.")
    ] = "",
    model: Model = CHEST_MODEL,
    objective: Annotated[
        str,
        typer.Option(
            help="balanced, f1, prevalence=0.1, sensitivity=0.95 or specificity=0.9; without it, "
            "the setting."
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be chosen; keep nothing.")
    ] = False,
    by: By = "",
) -> None:
    """Choose thresholds and probability maps."""
    if context.invoked_subcommand is not None:
        return
    run = invocation(context)
    try:
        wanted = parse_objective(objective or run.settings().calibration.objective)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    # Loads all that watches devices, which the history does not need.
    from dicom_node.node.device_jobs import DeviceJobs  # noqa: PLC0415

    jobs = DeviceJobs(run.repositories(), run.model_cards())
    outcomes = jobs.calibrating.calibrate(
        model, objective=wanted, actor=_who(by), device_id=device, dry_run=dry_run
    )
    for outcome in outcomes:
        _show(run, outcome, dry_run=dry_run)


@commands.command("history")
def history(
    context: typer.Context,
    device: Device = EVERY_DEVICE,
    model: Model = CHEST_MODEL,
    as_json: AsJson = False,
) -> None:
    """List which version of a device's calibration was in use from when on."""
    run = invocation(context)
    identity = _identity(run, model)
    store = run.repositories(rows_alone=True).calibrations
    known = {each.number: each.calibration for each in store.versions(device, identity)}
    uses = store.history(device, identity)
    if as_json:
        write_json(uses)
        return
    if not uses:
        devices = ", ".join(store.devices(identity)) or "none"
        run.console.print(
            f"No calibration of {device} for {identity.key}; calibrated devices are {devices}.",
            highlight=False,
        )
        return
    table = Table("From", "Version", "Id", "Thresholds", "By", "Why", box=None)
    for use in uses:
        made = known.get(use.number)
        labels = made.labels if made else ()
        table.add_row(
            use.at.isoformat(timespec="seconds"),
            str(use.number or "none"),
            made.calibration_id if made else "",
            ", ".join(f"{each.label} {each.point.threshold:.3f}" for each in labels),
            use.actor,
            use.why,
        )
    run.console.print(table)


@commands.command("rollback")
def rollback(
    context: typer.Context,
    device: Device = EVERY_DEVICE,
    model: Model = CHEST_MODEL,
    to: Annotated[int | None, typer.Option(help="A version; 0 is none of its own.")] = None,
    why: Annotated[str, typer.Option(help="The reason, for the history.")] = "rolled back",
    by: By = "",
) -> None:
    """Use an earlier version again; without --to, the one before."""
    run = invocation(context)
    identity = _identity(run, model)
    found = run.repositories(rows_alone=True).calibrations.roll_back(
        device, identity, at=utc_now(), actor=_who(by), why=why, number=to
    )
    said = found.name if found else "no calibration of its own"
    run.console.print(
        f"{device} uses {said} for {identity.key}. The nightly job leaves it so until somebody "
        "calibrates by hand.",
        highlight=False,
    )


def _show(run: Invocation, outcome: "CalibrationOutcome", *, dry_run: bool) -> None:
    made = outcome.calibration
    device = "All devices" if made.device == EVERY_DEVICE else made.device
    if dry_run:
        kept = "dry run, not kept"
    elif outcome.version:
        kept = f"version {outcome.version.number}, {made.title}"
    else:
        kept = "as before"
    table = Table(
        "Label", "Cases", "AUC-ROC", "F1", "F1 (calibrated)", "Threshold", "Map", "Why",
        title=f"{device}: {kept}", title_justify="left", box=None,
    )  # fmt: skip
    for label in made.labels:
        table.add_row(*_cells(label))
    run.console.print(table)
    if outcome.without_score:
        run.console.print(
            f"Left out: {counted(outcome.without_score, 'verdict')} that these weights have not "
            "scored.",
            highlight=False,
        )


def _cells(label: LabelCalibration) -> tuple[str, ...]:
    compared = label.comparison
    return (
        label.label,
        f"{label.cases} ({label.positives} with it)",
        str(compared.calibrated.auc) if compared else "",
        str(compared.parent.f1) if compared else "",
        str(compared.calibrated.f1) if compared else "",
        f"{label.point.threshold:.3f}",
        label.point.probability_map.method.value,
        label.reason,
    )


def _identity(run: Invocation, model: str) -> ModelIdentity:
    return run.model_cards().identity(model)


def _who(by: str) -> str:
    return by or getpass.getuser()
