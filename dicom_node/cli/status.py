"""``dicom-node status`` and ``retry``: what arrived, what became of it, what is under way."""

import getpass
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.cli.counting import counted
from dicom_node.cli.deliveries import show_outages, show_standings
from dicom_node.cli.hosts import show_hosts
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.cli.priors import show_priors
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.instance import Conflict
from dicom_node.domain.performed_step import exposure_words
from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.errors import NotFoundError
from dicom_node.node.mending import make_deliveries, make_studies
from dicom_node.node.repositories import Repositories
from sr_templates.percent import percent

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
    as_json: AsJson = False,
) -> None:
    """Show recent studies, or everything about one of them."""
    run = invocation(context)
    repositories = run.repositories(rows_alone=True)
    if as_json:
        studies = repositories.studies
        write_json([studies.study(study)] if study else studies.recent(limit))
        return
    if study:
        conflicts = repositories.conflicts.of_study(study)
        try:
            _show_study(run.console, repositories, repositories.studies.study(study))
        except NotFoundError:
            if not conflicts:
                raise
            run.console.print("Nothing of this study is analysed.")
        _show_conflicts(run.console, repositories, conflicts)
        return
    recent = repositories.studies.recent(limit)
    run.console.print(_studies(recent) if recent else "Nothing has been received yet.")
    show_standings(run.console, repositories)
    show_outages(run.console, repositories)
    show_hosts(run.console, repositories)
    for each in repositories.observations.suspensions():
        run.console.print(
            f"Suspended: {each.model_name} for {each.device_id}: {each.reason}", highlight=False
        )
    if held := repositories.hotbase.held_counts():
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
    repositories = run.repositories()
    actor = getpass.getuser()
    studies = make_studies(repositories).rerun_failed(actor=actor, study_instance_uid=study)
    deliveries = 0 if study else make_deliveries(repositories).retry(actor=actor)
    run.console.print(
        f"{counted(studies, 'study', 'studies')} and "
        f"{counted(deliveries, 'delivery', 'deliveries')} will be tried again."
    )


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
            _why(each),
        )
    return table


def _why(study: StudyRecord) -> str:
    if study.interruption is None:
        return study.reason
    told = f"transfer interrupted: {study.interruption.words}"
    if study.state is StudyState.RECEIVING:
        return f"{told}; the rest is waited for"
    return f"{study.reason}; {told}" if study.reason else told


def _show_study(console: Console, repositories: Repositories, study: StudyRecord) -> None:
    console.print(_studies((study,)))
    outcomes = repositories.retrievals.outcomes(study.study_instance_uid, Purpose.REPAIR)
    for archive, outcome in outcomes.items():
        console.print(f"Counted at {archive}: {outcome}", highlight=False, soft_wrap=True)
    show_priors(console, repositories, study.study_instance_uid)
    _show_reports(console, repositories, study.study_instance_uid)
    for job in repositories.hotbase.jobs(study.study_instance_uid):
        console.print(
            f"[bold]{job['route']}[/] by {job['model_name']} {job['model_version']}: "
            f"{job['state']} {job['reason']}",
            highlight=False,
        )
        findings = Table("Finding", "Probability", "Threshold", "Image", box=None)
        for finding in repositories.hotbase.findings(job["job_id"]):
            findings.add_row(
                finding["label"],
                percent(finding["probability"], beside=finding["threshold"]),
                percent(finding["threshold"], beside=finding["probability"]),
                finding["sop_instance_uid"],
            )
        if findings.row_count:
            console.print(findings)
        measurements = Table("Measurement", "Where", "Value", box=None)
        for row in repositories.hotbase.measurements(job["job_id"]):
            measurements.add_row(row["name"], row["site"], f"{row['value']:.2f} {row['unit']}")
        if measurements.row_count:
            console.print(measurements)
        show_remarks(console, repositories, job["job_id"])
        show_external(console, repositories, job["job_id"])
        for evidence in repositories.hotbase.evidence(job["job_id"]):
            console.print(
                f"  {evidence.kind.value}: {_where(repositories, evidence)}",
                highlight=False,
                soft_wrap=True,
            )
        for left_out in repositories.hotbase.left_out(job["job_id"]):
            console.print(
                f"  {left_out.kind.value}: left out: {left_out.reason}",
                highlight=False,
                soft_wrap=True,
            )
        _show_substitutes(console, repositories, job["job_id"])
        for delivery in repositories.deliveries.of_job(job["job_id"]):
            console.print(
                f"  to {delivery.destination}: {delivery.standing} "
                f"(tries: {delivery.attempts}) {delivery.last_error}",
                highlight=False,
                soft_wrap=True,
            )


def _where(repositories: Repositories, evidence: EvidenceObject) -> str:
    if evidence.is_removed:
        return "removed here by retention; it is where it was sent"
    held = f" HELD: {'; '.join(evidence.problems)}" if evidence.is_held else ""
    return f"{repositories.objects.evidence_path(evidence.path)}{held}"


def _show_reports(console: Console, repositories: Repositories, study: str) -> None:
    """Say what the modality reported of its steps, and what is missing by it."""
    for row in repositories.announcements.steps(study=study):
        why = f" ({row.step.reason})" if row.step.reason else ""
        dose = "".join(f", {each}" for each in exposure_words(row.step.attributes))
        console.print(
            f"Performed step {row.step.uid} by {row.step.reporter}: "
            f"{row.step.state.value.lower()}{why}{dose}",
            highlight=False,
            soft_wrap=True,
        )
    for series in repositories.announcements.announced(study).series:
        if series.missing:
            console.print(
                f"  not here: {series.missing} of {series.announced} announced instances of "
                f"series {series.series_instance_uid}",
                highlight=False,
                soft_wrap=True,
            )


def _show_substitutes(console: Console, repositories: Repositories, job_id: str) -> None:
    """Say what destinations got in the place of which object, and why."""
    for each in repositories.substitutes.of_job(job_id):
        console.print(
            f"  to {each.destination} instead of {each.sop_instance_uid}: "
            f"{each.sent_instance_uid}: {each.reason}",
            highlight=False,
            soft_wrap=True,
        )


def _show_conflicts(
    console: Console, repositories: Repositories, conflicts: tuple[Conflict, ...]
) -> None:
    for each in conflicts:
        place = repositories.received.path(each.path)
        console.print(
            f"Conflict: {each.sop_instance_uid} came from {each.calling_ae} with other content "
            f"than before (first in study {each.counted_study_uid}): kept as {place}, not analysed",
            highlight=False,
            soft_wrap=True,
        )
    if conflicts:
        console.print(CONFLICT_ADVICE, highlight=False)


def show_remarks(console: Console, repositories: Repositories, job_id: str) -> None:
    """Say what was not analysed and why, and what else must be known of a job's result."""
    for refusal in repositories.hotbase.refusals(job_id):
        console.print(
            f"  not analysed: {refusal['sop_instance_uid']}: {refusal['reason']} "
            f"({refusal['detail']})",
            highlight=False,
            soft_wrap=True,
        )
    for remark in repositories.hotbase.remarks(job_id):
        console.print(
            f"  {remark['kind']}: {remark['sop_instance_uid']}: {remark['detail']}",
            highlight=False,
            soft_wrap=True,
        )


def show_external(console: Console, repositories: Repositories, job_id: str) -> None:
    """Say which reports of other workstations came on a job's result, and what came of each."""
    for report in repositories.external.of_item(job_id):
        console.print(f"  Report from outside {report.outcome}", highlight=False, soft_wrap=True)
