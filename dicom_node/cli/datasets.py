"""``dicom-node datasets``: data sets put together from others."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from ai_engine.errors import AiEngineError
from dicom_node.cli.context import invocation
from dicom_node.models.cards import ModelUnavailableError

commands = typer.Typer(help="Put data sets together to train on.", no_args_is_help=True)


@commands.callback()
def group() -> None:
    """Keep ``compose`` a command of its own, though there is no other yet."""


@commands.command("compose")
def compose(
    context: typer.Context,
    plan: Annotated[str, typer.Argument(help="Name of a shipped plan, or a TOML file.")],
    sources: Annotated[Path, typer.Option("--from", help="Folder with the folder of each source.")],
    out: Annotated[Path, typer.Option(help="New folder for the data set.", file_okay=False)],
) -> None:
    """Put a data set together by a plan: which images of which source are of which class.

    paper2-xray-or-not and paper2-type are those that paper 2's modules I and II learn from.
    """
    # NumPy, OpenCV and NIfTI: only this command pays for them.
    from ai_engine.datasets.composing import compose as put_together  # noqa: PLC0415
    from ai_engine.datasets.composing import load_plan  # noqa: PLC0415 - the same
    from ai_engine.datasets.cxr import Split  # noqa: PLC0415 - the same

    run = invocation(context)
    try:
        wanted = load_plan(plan)
        made = put_together(wanted, sources, out)
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    table = Table("Class", *(part.value for part in Split), box=None)
    for label in wanted.labels:
        table.add_row(label, *(str(made.counts.get((label, part), 0)) for part in Split))
    run.console.print(table)
    run.console.print(f"Put together in {out}, {made.patients} patients.", highlight=False)
