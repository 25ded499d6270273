"""``dicom-node warehouse``: what experts have validated."""

import functools
import getpass
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dicom_node.audit.events import export as exported
from dicom_node.cli.context import invocation
from dicom_node.cli.counting import counted
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.warehouse import WarehouseFilter, WarehouseRecord
from dicom_node.errors import ConfigurationError
from dicom_node.export.export_format import ExportFormat
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories

if TYPE_CHECKING:
    from dicom_node.export.summary import ExportSummary

commands = typer.Typer(help="Count and export what experts have validated.", no_args_is_help=True)


@commands.command("counts")
def counts(context: typer.Context, as_json: AsJson = False) -> None:
    """Count validated images by device and label: with it, without it, and undecided."""
    run = invocation(context)
    warehouse = run.repositories(rows_alone=True).warehouse
    if as_json:
        write_json(warehouse.counts())
        return
    devices = warehouse.devices()
    table = Table(box=None)
    table.add_column("Device", no_wrap=True)  # whole, so that it can be copied
    for heading in ("What it is", "Label", "With", "Without", "Cannot tell"):
        table.add_column(heading)
    for each in warehouse.counts():
        table.add_row(
            each.device_id,
            devices[each.device_id].title,
            each.label,
            str(each.positive),
            str(each.negative),
            str(each.unsure),
        )
    run.console.print(table if table.row_count else "Nothing has been validated yet.")


@commands.command("export")
def export(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(help="An empty or new folder.")],
    form: Annotated[
        ExportFormat,
        typer.Option("--format", help="dicom: images and reports; nih: tables and PNG; coco."),
    ] = ExportFormat.DICOM,
    device: Annotated[str, typer.Option(help="Only this device.")] = "",
    model: Annotated[str, typer.Option(help="Only what this model had judged.")] = "",
    since: Annotated[datetime | None, typer.Option(help="Only verdicts from this day on.")] = None,
) -> None:
    """Export de-identified images with their labels, reports or boxes.

    De-identified by DICOM PS3.15 Annex E (Basic Profile; modified dates, patient characteristics,
    clean structured content and clean graphics options). Pseudonyms, UIDs and the shift of dates
    stay the same from export to export; their key is the file export.key in the data folder.
    Pixels are not searched for text: images that may have annotation burned in are left out.
    """
    # Reads and writes DICOM objects and pictures, which counting does not.
    from dicom_node.export.formats import EXPORTS  # noqa: PLC0415
    from dicom_node.export.pseudonyms import kept_pseudonyms  # noqa: PLC0415
    from dicom_node.export.sources import Sources  # noqa: PLC0415

    run = invocation(context)
    if out.exists() and any(out.iterdir()):
        raise ConfigurationError(f"{out} is not empty: give a new folder, so that nothing mixes.")
    repositories = run.repositories()
    sources = Sources(
        image=lambda image: repositories.warehouse_files.path(image.path),
        report=functools.partial(_verdict_path, repositories),
        pseudonyms=kept_pseudonyms(run.settings().data_dir / "export.key"),
    )
    wanted = WarehouseFilter(
        device_id=device,
        model_name=model,
        decided_from=since.replace(tzinfo=UTC) if since else None,
    )
    studies: set[str] = set()
    summary = EXPORTS[form](_noting(repositories.warehouse.records(wanted), studies), sources, out)
    run.record(
        exported(
            sorted(studies),
            user=getpass.getuser(),
            at=utc_now(),
            where=str(out.resolve()),
            anonymized=True,
            form=form.value,
        )
    )
    run.console.print(_table(summary))
    run.console.print(
        f"{counted(sum(summary.images.values()), 'image')}, "
        f"{counted(summary.reports, 'report')} and "
        f"{counted(summary.boxes, 'box', 'boxes')} in {out}.",
        highlight=False,
    )
    for reason, count in sorted(summary.skipped.items()):
        run.console.print(f"[yellow]Left out[/] {count}: {reason}", highlight=False)


def _noting(records: Iterable[WarehouseRecord], studies: set[str]) -> Iterator[WarehouseRecord]:
    for record in records:
        studies.add(record.study_instance_uid)
        yield record


def _verdict_path(repositories: Repositories, record: WarehouseRecord) -> Path | None:
    """Where the object that verifies a record is, if it is the node's own."""
    for kept in repositories.hotbase.evidence(record.record_id, EvidenceSet.VERDICT):
        if kept.sop_instance_uid == record.verdict_object_uid and not kept.is_removed:
            return repositories.objects.evidence_path(kept.path)
    return None


def _table(summary: "ExportSummary") -> Table:
    table = Table("Device", "Label", "With it", "Without it", box=None)
    for device, label, positive, negative in summary.rows():
        table.add_row(device, label, str(positive), str(negative))
    return table
