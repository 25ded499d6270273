"""``dicom-node status`` and ``retry``: what arrived, what became of it, what is under way."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.domain.instance import Conflict
from dicom_node.domain.study import StudyRecord
from dicom_node.errors import NotFoundError
from dicom_node.stores import Stores, utc_now

CONFLICT_ADVICE = (
    "What came first counts, and results carry its patient and study. If the later content is "
    "right, let its sender give the objects new SOP Instance UIDs and send them again, and reject "
    "the results of the first ones."
)


def status(
    context: typer.Context,
    study: Annotated[
        str, typer.Argument(help="A Study Instance UID; without it, recent ones.")
    ] = "",
    limit: Annotated[int, typer.Option(help="How many studies to show.")] = 20,
) -> None:
    """Show recent studies, or everything about one of them."""
    run = invocation(context)
    stores = run.stores()
    if study:
        conflicts = stores.conflicts.of_study(study)
        try:
            _show_study(run.console, stores, stores.index.study(study))
        except NotFoundError:
            if not conflicts:
                raise
            run.console.print("Nothing of this study is analysed.")
        _show_conflicts(run.console, stores, conflicts)
        return
    recent = stores.index.recent(limit)
    run.console.print(_studies(recent) if recent else "Nothing has been received yet.")
    waiting = {
        f"{destination} {state.value}": count
        for (destination, state), count in sorted(stores.hotbase.delivery_counts().items())
    }
    for what, count in waiting.items():
        run.console.print(f"Deliveries to {what}: {count}", highlight=False)
    for each in stores.observations.suspensions():
        run.console.print(
            f"Suspended: {each.model_name} for {each.device_id}: {each.reason}", highlight=False
        )
    if held := stores.hotbase.held_counts():
        kinds = ", ".join(f"{count} {kind.value}" for kind, count in held.items())
        run.console.print(
            f"Held back: {kinds}; dicom-node evidence held says why.", highlight=False
        )


def retry(
    context: typer.Context,
    study: Annotated[
        str, typer.Argument(help="A Study Instance UID; without it, all failed studies.")
    ] = "",
) -> None:
    """Try failed studies and given-up deliveries again; a running node takes them up shortly."""
    run = invocation(context)
    stores = run.stores()
    studies = stores.index.reopen_failed(study or None)
    deliveries = 0 if study else stores.hotbase.retry_failed_deliveries(at=utc_now())
    run.console.print(f"{studies} studies and {deliveries} deliveries will be tried again.")


def _studies(records: tuple[StudyRecord, ...]) -> Table:
    table = Table(box=None)
    table.add_column("Study", overflow="fold")  # whole, so that it can be copied
    for heading in ("From", "Images", "Revision", "State"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Why")
    for each in records:
        table.add_row(
            each.study_instance_uid,
            each.sender,
            str(each.instance_count),
            str(each.revision),
            each.state.value,
            each.reason,
        )
    return table


def _show_study(console: Console, stores: Stores, study: StudyRecord) -> None:
    console.print(_studies((study,)))
    for job in stores.hotbase.jobs(study.study_instance_uid):
        console.print(
            f"[bold]{job['route']}[/] by {job['model_name']} {job['model_version']}: "
            f"{job['state']} {job['reason']}",
            highlight=False,
        )
        findings = Table("Finding", "Probability", "Threshold", "Image", box=None)
        for finding in stores.hotbase.findings(job["job_id"]):
            findings.add_row(
                finding["label"],
                f"{finding['probability']:.3f}",
                f"{finding['threshold']:.3f}",
                finding["sop_instance_uid"],
            )
        if findings.row_count:
            console.print(findings)
        measurements = Table("Measurement", "Where", "Value", box=None)
        for row in stores.hotbase.measurements(job["job_id"]):
            measurements.add_row(row["name"], row["site"], f"{row['value']:.2f} {row['unit']}")
        if measurements.row_count:
            console.print(measurements)
        show_remarks(console, stores, job["job_id"])
        show_outside(console, stores, job["job_id"])
        for evidence in stores.hotbase.evidence(job["job_id"]):
            held = f" HELD: {'; '.join(evidence.problems)}" if evidence.is_held else ""
            console.print(
                f"  {evidence.kind.value}: {stores.objects.evidence_path(evidence.path)}{held}",
                highlight=False,
                soft_wrap=True,
            )
        for left_out in stores.hotbase.left_out(job["job_id"]):
            console.print(
                f"  {left_out.kind.value}: left out: {left_out.reason}",
                highlight=False,
                soft_wrap=True,
            )
        for delivery in stores.hotbase.deliveries_of(job["job_id"]):
            console.print(
                f"  to {delivery.destination}: {delivery.state.value} "
                f"(tries: {delivery.attempts}) {delivery.last_error}",
                highlight=False,
                soft_wrap=True,
            )


def _show_conflicts(console: Console, stores: Stores, conflicts: tuple[Conflict, ...]) -> None:
    for each in conflicts:
        place = stores.received.path(each.path)
        console.print(
            f"Conflict: {each.sop_instance_uid} came from {each.calling_ae} with other content "
            f"than before (first in study {each.counted_study_uid}): kept as {place}, not analysed",
            highlight=False,
            soft_wrap=True,
        )
    if conflicts:
        console.print(CONFLICT_ADVICE, highlight=False)


def show_remarks(console: Console, stores: Stores, job_id: str) -> None:
    """Say what was not analysed and why, and what else must be known of a job's result."""
    for refusal in stores.hotbase.refusals(job_id):
        console.print(
            f"  not analysed: {refusal['sop_instance_uid']}: {refusal['reason']} "
            f"({refusal['detail']})",
            highlight=False,
            soft_wrap=True,
        )
    for remark in stores.hotbase.remarks(job_id):
        console.print(
            f"  {remark['kind']}: {remark['sop_instance_uid']}: {remark['detail']}",
            highlight=False,
            soft_wrap=True,
        )


def show_outside(console: Console, stores: Stores, job_id: str) -> None:
    """Say which reports of other workstations came on a job's result, and what came of each."""
    for report in stores.outside.of_item(job_id):
        console.print(f"  Report from outside {report.outcome}", highlight=False, soft_wrap=True)
