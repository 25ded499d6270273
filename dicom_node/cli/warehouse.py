"""``dicom-node warehouse``: what experts have validated."""

import typer
from rich.table import Table

from dicom_node.cli.context import invocation

commands = typer.Typer(help="Validated data, by device.", no_args_is_help=True)


@commands.command("counts")
def counts(context: typer.Context) -> None:
    """Count validated images by device and label: with it, without it, and undecided."""
    run = invocation(context)
    warehouse = run.stores().warehouse
    devices = warehouse.devices()
    table = Table("Device", "What it is", "Label", "With", "Without", "Cannot tell", box=None)
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
