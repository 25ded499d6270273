"""``dicom-node init``: the configuration to begin with."""

import typer

from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.configuration.supplied import lay_configuration


def init(context: typer.Context, as_json: AsJson = False) -> None:
    """Write the configuration to begin with, where there is none yet.

    Files that are there already stay as they are.
    """
    run = invocation(context)
    laid = lay_configuration(run.config_dir)
    if as_json:
        write_json([{"file": str(run.config_dir / each), "written": laid[each]} for each in laid])
        return
    for name, written in laid.items():
        state = "written" if written else "is there already, and stays as it is"
        run.console.print(f"{run.config_dir / name}: {state}", highlight=False, soft_wrap=True)
    run.console.print(
        "Next: [bold]dicom-node serve[/], and in another shell [bold]dicom-node users add NAME "
        "--role admin[/]; then sign in to its pages.",
        highlight=False,
        soft_wrap=True,
    )
