"""``dicom-node retention``: what may go from the disk."""

import getpass
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.cli.counting import counted
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.node.retention import Removed, Retention, retention_rule
from dicom_node.node.retention import orphans as orphaned_files

_SHOWN = 20
# Results get their row in the same step as their file, or when the step is done again.
_LATEST_ROW = timedelta(days=1)


def retention(
    context: typer.Context,
    run: Annotated[
        bool, typer.Option("--run", help="Remove them now; without it, they are only named.")
    ] = False,
    orphans: Annotated[
        bool,
        typer.Option("--orphans", help="Name files of results that nothing refers to any more."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show whose images and results are to be removed by retention, or remove them.

    Only of studies with which nothing is left to be done: analysed or not routed, everything
    delivered, nothing held back, no expert asked. Reports and the Warehouse's copies stay.
    """
    invoked = invocation(context)
    repositories = invoked.repositories(rows_alone=not orphans)
    if orphans:
        _show_orphans(invoked.console, repositories, remove=run, as_json=as_json)
        return

    def result_path(path: str) -> Path:
        # The archive, which reads objects, is made for those who have results to measure.
        return repositories.evidence.path(path)

    job = Retention(
        repositories.retention,
        data=repositories.settings.common_dir,
        result_path=result_path,
        rule=retention_rule(repositories.settings),
        clock=utc_now,
        record=invoked.record,
        user=getpass.getuser(),
    )
    removed = job.run(dry=not run)
    console = invoked.console
    found = tuple(_found(removed))
    if as_json:
        write_json([{**each, "removed": run} for each in found])
        return
    table = Table("Study", "Received last", "Images", "Results", "MB", "Why", box=None)
    for each in found[:_SHOWN]:
        table.add_row(
            each["study_instance_uid"],
            f"{each['last_received_at']:%Y-%m-%d}",
            str(each.get("instances", "")),
            str(each.get("results", "")),
            f"{each['size'] / 1e6:.1f}",
            each["why"],
        )
    if found:
        console.print(table)
    verb = "Removed" if run else "To be removed"
    console.print(
        f"{verb}: {counted(removed.instances, 'image')} and "
        f"{counted(removed.results, 'result')} of "
        f"{counted(len(removed.studies), 'study', 'studies')}, {removed.size / 1e6:.1f} MB.",
        highlight=False,
    )
    if count := len(removed.only_here):
        console.print(
            f"The results of {counted(count, 'study', 'studies')} stay, because their reports are "
            "nowhere else.",
            highlight=False,
        )


def _found(removed: Removed) -> Iterator[dict[str, Any]]:
    for why, images in (("age", removed.by_age), ("room", removed.for_room)):
        for study in images:
            yield {"why": why, **asdict(study)}
    for why, made in (("age", removed.results_by_age), ("room", removed.results_for_room)):
        for results in made:
            yield {"why": why, **asdict(results)}


def _show_orphans(
    console: Console, repositories: Repositories, *, remove: bool, as_json: bool
) -> None:
    found = orphaned_files(
        repositories.evidence,
        repositories.hotbase.evidence_paths(),
        before=utc_now() - _LATEST_ROW,
    )
    for path, size in found:
        if not as_json:
            console.print(f"{size / 1e6:8.1f} MB  {path}", highlight=False, soft_wrap=True)
        if remove:
            repositories.evidence.path(path).unlink(missing_ok=True)
    if as_json:
        write_json([{"path": path, "size": size, "removed": remove} for path, size in found])
        return
    verb = "Removed" if remove else "Found"
    total = sum(size for _, size in found) / 1e6
    console.print(
        f"{verb}: {counted(len(found), 'file')} to which nothing refers, {total:.1f} MB.",
        highlight=False,
    )
