"""``dicom-node datasets``: data sets put together from others."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from ai_engine.errors import AiEngineError
from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.counting import counted
from dicom_node.models.cards import ModelUnavailableError

commands = typer.Typer(help="Put data sets together to train on.", no_args_is_help=True)


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


@commands.command("lesions")
def lesions(
    context: typer.Context,
    volume: Annotated[
        list[Path],
        typer.Argument(help="Chest CTs: NIfTI, NumPy archives, or folders of a DICOM series."),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the data set.", file_okay=False)],
    valid: Annotated[list[str], typer.Option(help="Patients to validate on, by file name.")],
    test: Annotated[list[str], typer.Option(help="Patients to test on, by file name.")],
    copies: Annotated[int, typer.Option(min=1, help="Of each volume, with other lesions.")] = 10,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 1,
    slices: Annotated[
        Path | None,
        typer.Option(help="Folder of slices with outlined lesions: images, masks, split.csv."),
    ] = None,
) -> None:
    """Draw lesions into chest CTs, in MosMedData's layout, to train XNet without drawn masks.

    Ground glass, consolidation and nodules, with the haze and noise that tempt a threshold. Single
    slices on which real lesions were outlined go into the set as well.
    """
    # NumPy, OpenCV and NIfTI: only this command pays for them.
    from ai_engine.ct.lesion_sets import compose_lesions  # noqa: PLC0415
    from ai_engine.datasets.cxr import Split  # noqa: PLC0415 - the same

    parts = dict.fromkeys(valid, Split.VALID) | dict.fromkeys(test, Split.TEST)
    compose = partial(
        compose_lesions, volume, out, parts=parts, copies=copies, seed=seed, slices=slices
    )
    _say_made(invocation(context), compose, f"Drawn into {out}", "studies")


@commands.command("bones")
def bones(
    context: typer.Context,
    volume: Annotated[
        list[Path],
        typer.Argument(help="Chest CTs: NIfTI, NumPy archives, or folders of a DICOM series."),
    ],
    out: Annotated[Path, typer.Option(help="New folder for the data set.", file_okay=False)],
    valid: Annotated[list[str], typer.Option(help="Patients to validate on, by file name.")],
    test: Annotated[list[str], typer.Option(help="Patients to test on, by file name.")],
    pairs: Annotated[int, typer.Option(min=10, help="Pairs to train on.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of what is random.")] = 1,
) -> None:
    """Project chest CTs with and without the bones of the chest wall, to train bone suppression.

    Thin slices without contrast medium show ribs best; archives may hold what is bone.
    """
    # NumPy, OpenCV and NIfTI: only this command pays for them.
    from ai_engine.ct.bone_sets import compose_bones  # noqa: PLC0415
    from ai_engine.datasets.cxr import Split  # noqa: PLC0415 - the same

    parts = dict.fromkeys(valid, Split.VALID) | dict.fromkeys(test, Split.TEST)
    compose = partial(compose_bones, volume, out, parts=parts, pairs=pairs, seed=seed)
    _say_made(invocation(context), compose, f"Projected into {out}", "pairs")


@commands.command("opacities")
def opacities(
    context: typer.Context,
    masks: Annotated[
        Path, typer.Argument(help="Radiographs with masks of opacities and lungs: images, masks.")
    ],
    out: Annotated[Path, typer.Option(help="New folder for the data set.", file_okay=False)],
    others: Annotated[
        list[Path] | None,
        typer.Option("--with", help="A set with boxes of opacities, or of healthy images."),
    ] = None,
) -> None:
    """Put boxes of opacities together, from radiologists' masks and from sets that have boxes."""
    # NumPy, OpenCV and SciPy: only this command pays for them.
    from ai_engine.datasets.opacity_boxes import compose_opacities  # noqa: PLC0415

    compose = partial(compose_opacities, masks, others or (), out)
    _say_made(invocation(context), compose, f"Put together in {out}", "boxes")


def _say_made(
    run: Invocation, compose: Callable[[], Mapping[Any, int]], done: str, what: str
) -> None:
    """Make a set of volumes, and say how much of what each part has."""
    try:
        counts = compose()
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    said = ", ".join(f"{count} {part}" for part, count in counts.items())
    run.console.print(f"{done}: {said} {what}.", highlight=False)


@commands.command("nsclc")
def nsclc(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="'NSCLC Radiogenomics' as TCIA distributes it.")],
    out: Annotated[
        Path,
        typer.Option(help="Folder in MosMedData's layout; may hold that set.", file_okay=False),
    ],
) -> None:
    """Bring the segmented CTs of NSCLC Radiogenomics into MosMedData's layout, as paper 5 did."""
    from ai_engine.ct.nsclc import convert_nsclc, read_nsclc  # noqa: PLC0415 - as above

    run = invocation(context)
    try:
        studies = read_nsclc(folder)
        convert_nsclc(studies, out)
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    run.console.print(
        f"Written into {out}: {counted(len(studies), 'study', 'studies')}.",
        highlight=False,
    )
