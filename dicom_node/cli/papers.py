"""``dicom-node papers``: the five papers' tables, ours beside theirs."""

from pathlib import Path
from typing import Annotated

import typer

from ai_engine.errors import AiEngineError
from dicom_node.cli.context import invocation
from dicom_node.models.cards import ModelUnavailableError


def papers(
    context: typer.Context,
    paper: Annotated[
        int | None, typer.Argument(help="Number of the paper, 1 to 5; without it, all tables.")
    ] = None,
    table: Annotated[
        str, typer.Option(help="Number of its table, as 3 or III; 'Fig. 3' of paper 2.")
    ] = "",
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the data sets, or of the one that the table needs."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for runs, models and figures.", file_okay=False)
    ] = Path("runs/papers"),
    trial: Annotated[
        bool, typer.Option(help="Two steps of training only: is everything in its place?")
    ] = False,
    threads: Annotated[int | None, typer.Option(help="CPU threads; all without it.")] = None,
) -> None:
    """Print a table of one of the five papers with our figures beside: trains and measures what
    is missing.

    Trains what is missing, measures it, and prints the paper's figures and ours with intervals.
    Training as published takes hours on a GPU and weeks without; it may be stopped, and goes on.
    Without the data it says what to get and where it belongs.
    """
    # NumPy, OpenCV and scikit-learn: only a table that is made pays for them.
    from ai_engine.commands.evaluate import evaluate  # noqa: PLC0415
    from ai_engine.commands.papers.run import Asked, make_table  # noqa: PLC0415 - the same
    from ai_engine.commands.papers.shown import listed  # noqa: PLC0415 - the same
    from ai_engine.commands.papers.tables import published  # noqa: PLC0415 - the same
    from ai_engine.commands.train import train  # noqa: PLC0415 - the same
    from ai_engine.kinds.installed import InstalledModels  # noqa: PLC0415 - the same

    run = invocation(context)
    tables = published()
    if paper is None:
        run.console.print(listed(tables))
        return
    cards = run.model_cards()
    trial_out = out / "trial" if trial else out
    try:
        made = make_table(
            paper,
            table,
            Asked(
                data=data,
                out=trial_out,
                installed=InstalledModels(
                    registry=cards.registry,
                    versions=cards.versions,
                    cache=run.settings().cache_dir,
                ),
                train=train,
                evaluate=evaluate,
                is_trial=trial,
                threads=threads,
                console=run.console,
                tables=tables,
            ),
        )
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    if made.is_empty:
        raise typer.Exit(1)
