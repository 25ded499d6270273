"""``dicom-node retention``: what may go from the disk."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.retention import SettledStudy
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.node.retention import Retention, retention_rule
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
    """Show whose images are to be removed by the settings of retention, or remove them.

    Only studies with which nothing is left to be done: analysed or not routed, everything
    delivered, nothing held back, no expert asked. Results and the Warehouse's copies stay.
    """
    invoked = invocation(context)
    repositories = invoked.repositories()
    if orphans:
        _show_orphans(invoked.console, repositories, remove=run, as_json=as_json)
        return
    job = Retention(
        repositories.retention,
        data=repositories.settings.common_dir,
        rule=retention_rule(repositories.settings),
        clock=utc_now,
    )
    removed = job.run(dry=not run)
    console = invoked.console
    if as_json:
        found = [("age", each) for each in removed.by_age]
        found += [("room", each) for each in removed.for_room]
        write_json([{"why": why, "removed": run, **asdict(each)} for why, each in found])
        return
    table = Table("Study", "Received last", "Images", "MB", "Why", box=None)
    shown: list[tuple[SettledStudy, str]] = [
        *((each, "age") for each in removed.by_age),
        *((each, "room") for each in removed.for_room),
    ]
    for study, why in shown[:_SHOWN]:
        table.add_row(
            study.study_instance_uid,
            f"{study.last_received_at:%Y-%m-%d}",
            str(study.instances),
            f"{study.size / 1e6:.1f}",
            why,
        )
    if shown:
        console.print(table)
    verb = "Removed" if run else "To be removed"
    console.print(
        f"{verb}: {removed.instances} images of {len(shown)} studies, {removed.size / 1e6:.1f} MB.",
        highlight=False,
    )


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
        f"{verb}: {len(found)} files that nothing refers to, {total:.1f} MB.", highlight=False
    )
