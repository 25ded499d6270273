"""``dicom-node models shortcuts``: what tells a label without showing disease."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ai_engine.errors import AiEngineError
from dicom_node.cli.context import invocation
from dicom_node.models.cards import ModelUnavailableError

commands = typer.Typer()


@commands.command("shortcuts")
def shortcuts(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Data set whose train part cues are learned on.")],
    other: Annotated[
        list[Path] | None,
        typer.Option(help="Data sets that are measured as well, and that nothing was learned on."),
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Labels to tell; without it, all of them.")
    ] = None,
    split: Annotated[
        Literal["train", "valid", "test"], typer.Option(help="Part of --data that is measured.")
    ] = "test",
    layout: Annotated[str, typer.Option(help="The data sets' layout; auto looks.")] = "auto",
    model: Annotated[
        str, typer.Option(help="Model to put beside the cues, paired: name, or name/version.")
    ] = "",
    record: Annotated[bool, typer.Option(help="Put the figures into the model's card.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File for the figures as JSON.", dir_okay=False)
    ] = None,
) -> None:
    """Measure how far grey values, borders, markers, view, age and sex tell each label.

    None of them shows disease. What they tell on --data and not on --other was learned from how the
    data were collected, and a model whose AUC is no higher has shown nothing more.
    """
    # scikit-learn costs a second: only this command pays for it.
    from ai_engine.commands.shortcuts import measure_shortcuts  # noqa: PLC0415
    from ai_engine.kinds.loading import Loading  # noqa: PLC0415 - the same

    run = invocation(context)
    cards = run.model_cards()
    name, _, version = model.partition("/")
    try:
        loading = None
        if name:
            loading = Loading(
                card=cards.registry.card(name, version) if version else cards.active(name),
                registry=cards.registry,
                cache=run.settings().cache_dir,
            )
        measure_shortcuts(
            data=data,
            others=other or (),
            split=split,
            labels=label or (),
            layout=layout,
            model=loading,
            record=record,
            out=out,
            console=run.console,
        )
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
