"""``dicom-node models``: the models, their training, evaluation and comparison."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.syntax import Syntax
from rich.table import Table

from ai_engine.errors import AiEngineError
from ai_engine.library.card import CARD_NAME, ModelCard, render_card
from dicom_node.cli import drift, finetune, model_versions, shadow, shortcuts
from dicom_node.cli.context import invocation, set_up_dicom
from dicom_node.cli.listing import AsJson, plain, write_json
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.models.services import authorization_for

commands = typer.Typer(
    help="List, import, promote, train, evaluate and compare models.", no_args_is_help=True
)
_WITHOUT_DICOM = frozenset({"list", "show", "history", "suspended"})
"""What is answered from cards, journals and rows."""


@commands.callback()
def begin(context: typer.Context) -> None:
    """Set up the DICOM libraries for the others."""
    if context.invoked_subcommand not in _WITHOUT_DICOM:
        set_up_dicom(calls_peers=False)


commands.add_typer(model_versions.commands)
commands.add_typer(drift.commands)
commands.add_typer(finetune.commands)
commands.add_typer(shadow.commands)
commands.add_typer(shortcuts.commands)

Data = Annotated[Path, typer.Option(help="Folder of the data set.")]
Layout = Annotated[
    str,
    typer.Option(
        help="sample, unsplit, nih, rsna, rsna-pneumonia, chexpert, mimic, mura, lera or folders; "
        "auto asks recipe, card and tables."
    ),
]
Out = Annotated[Path, typer.Option(help="Folder for what is written.", file_okay=False)]
Part = Annotated[
    Literal["train", "valid", "test"], typer.Option(help="Which part of the data set.")
]


@commands.command("list")
def show_all(context: typer.Context, as_json: AsJson = False) -> None:
    """List every model and version; the active ones are marked."""
    run = invocation(context)
    cards = run.model_cards()
    installed = {(card.name, card.version) for card in cards.registry.cards()}
    missing = sorted(cards.versions.items() - installed)
    if as_json:
        found = [
            {
                **plain(card.identity),
                "kind": card.kind,
                "active": cards.versions.get(card.name) == card.version,
                "installed": True,
                "research_only": card.research_only,
            }
            for card in cards.registry.cards()
        ]
        # Nothing else is known of them, and every row has the same fields.
        unknown = dict.fromkeys(field for row in found for field in row)
        lost = [
            unknown | {"name": name, "version": version, "active": True, "installed": False}
            for name, version in missing
        ]
        write_json([*found, *lost])
        return
    table = Table("", "Model", "Version", "Weights", "What it is", box=None)
    for card in cards.registry.cards():
        identity = card.identity
        active = cards.versions.get(identity.name) == identity.version
        table.add_row(
            "●" if active else "",
            identity.name,
            identity.version,
            identity.weights_digest[:12],
            identity.title,
        )
    for name, version in missing:
        table.add_row("✗", name, version, "", "not installed: promote another version")
    run.console.print(table)


@commands.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model.")],
    version: Annotated[str, typer.Option(help="Without it, the active version.")] = "",
) -> None:
    """Show a model's card: what it reads, says, was trained on, and can not do."""
    run = invocation(context)
    cards = run.model_cards()
    try:
        card = cards.registry.card(name, version) if version else cards.active(name)
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    without_figures = render_card(replace(card, metrics=()))
    run.console.print(Syntax(without_figures, "toml", word_wrap=True))
    if card.metrics:
        run.console.print(_figures(card))
    model_versions.say_what_is_reported(run.console, card)
    run.console.print(f"From {card.folder / CARD_NAME}", highlight=False, soft_wrap=True)


def _figures(card: ModelCard) -> Table:
    table = Table(
        "Metric", "Label", "Part", "Group", box=None, title="Figures", title_justify="left"
    )
    for heading in ("Images", "Value", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in card.metrics:
        table.add_row(
            each.name,
            each.label,
            each.split,
            each.group,
            str(each.images),
            f"{each.value:.3f}",
            f"{each.low:.3f} to {each.high:.3f}",
        )
    return table


@commands.command("train")
def train(
    context: typer.Context,
    recipe: Annotated[str, typer.Option(help="Name of a recipe, or a TOML file.")],
    data: Data,
    out: Out,
    version: Annotated[str, typer.Option(help="Version of the new model.")] = "1.0.0",
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = True,
    threads: Annotated[int | None, typer.Option(help="CPU threads; all without it.")] = None,
    layout: Layout = "auto",
    start_from: Annotated[
        str,
        typer.Option(
            help="What training starts from: an installed model (name/version), or a file of "
            "weights of DenseNet-121, ResNet-50, VGG16 or Xception (Keras H5, PyTorch, "
            "safetensors, ONNX)."
        ),
    ] = "",
) -> None:
    """Train a model by a recipe; may be stopped and resumed."""
    # TensorFlow costs seconds and half a gigabyte: only this command and evaluation pay for it.
    from ai_engine.commands.train import train as run_training  # noqa: PLC0415
    from ai_engine.kinds.installed import InstalledModels  # noqa: PLC0415 - the same

    run = invocation(context)
    cards = run.model_cards()
    try:
        card = run_training(
            recipe=recipe,
            data=data,
            out=out,
            version=version,
            resume=resume,
            threads=threads,
            layout=layout,
            start_from=start_from,
            installed=InstalledModels(
                registry=cards.registry,
                versions=cards.versions,
                cache=run.settings().cache_dir,
            ),
            console=run.console,
        )
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    run.console.print(f"Trained {card.identity.key} into {out}.", highlight=False)


@commands.command("evaluate")
def evaluate(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model.")],
    data: Data,
    out: Out,
    version: Annotated[str, typer.Option(help="Without it, the active version.")] = "",
    split: Part = "test",
    objects: Annotated[
        Path | None, typer.Option(help="For a guard: DICOM files to ask it about one by one.")
    ] = None,
    layout: Layout = "auto",
    record: Annotated[
        bool,
        typer.Option(help="Put the figures into the model's card."),
    ] = False,
) -> None:
    """Evaluate a model: AUC with intervals, F1, calibration, plots; a CT model on MosMedData.

    A guard is measured by what it lets pass of the data set's images, turned and inverted too. A
    classical CT method is measured on all studies, whatever the split.
    """
    from ai_engine.commands.evaluate import evaluate as run_evaluation  # noqa: PLC0415

    run = invocation(context)
    cards = run.model_cards()
    try:
        card = cards.registry.card(name, version) if version else cards.active(name)
        run_evaluation(
            card=card,
            data=data,
            out=out,
            cache=run.settings().cache_dir,
            split=split,
            objects=objects,
            layout=layout,
            record=record,
            registry=cards.registry,
            console=run.console,
            authorization=authorization_for(card, run.settings().inference.credentials_file),
        )
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error


@commands.command("export")
def export(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model.")],
    out: Annotated[
        Path, typer.Option(help="Folder that TensorFlow Serving watches.", file_okay=False)
    ],
    version: Annotated[str, typer.Option(help="Without it, the active version.")] = "",
    if_missing: Annotated[
        bool, typer.Option("--if-missing", help="What was exported before is well as it is.")
    ] = False,
) -> None:
    """Write a model for TensorFlow Serving (inference.backend = "tensorflow-serving")."""
    from ai_engine.training.tensorflow_session import tensorflow_session  # noqa: PLC0415

    run = invocation(context)
    cards = run.model_cards()
    try:
        card = cards.registry.card(name, version) if version else cards.active(name)
        with tensorflow_session(seed=0, precision="float32"):
            from ai_engine.commands.export import export_saved_model  # noqa: PLC0415

            place = export_saved_model(card, out, if_missing=if_missing)
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    run.console.print(
        f"It is in {place}. Serve it with: tensorflow_model_server --rest_api_port=8501 "
        f"--model_name={card.name} --model_base_path={place.parent.resolve()} --enable_batching",
        highlight=False,
        soft_wrap=True,
    )


@commands.command("compare")
def compare(
    context: typer.Context,
    models: Annotated[
        list[str] | None, typer.Argument(help="Trained models: name, or name/version.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data set for accuracy and AUC.")] = None,
    architecture: Annotated[
        list[str] | None, typer.Option(help="Untrained networks; without it paper 1's four.")
    ] = None,
    size: Annotated[int, typer.Option(help="Input of untrained networks in pixels.")] = 384,
    split: Part = "test",
    layout: Layout = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads; all without it.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the rows as JSON.", dir_okay=False)
    ] = None,
) -> None:
    """Compare models: accuracy, AUC, parameters, images per second, memory (paper 1, table I)."""
    from ai_engine.commands.compare import TABLE_I  # noqa: PLC0415 - scikit-learn
    from ai_engine.commands.compare import compare as run_comparison  # noqa: PLC0415 - the same

    run = invocation(context)
    cards = run.model_cards()
    try:
        chosen = []
        for model in models or []:
            name, _, version = model.partition("/")
            chosen.append(cards.registry.card(name, version) if version else cards.active(name))
        run_comparison(
            chosen,
            cache=run.settings().cache_dir,
            architectures=architecture or TABLE_I,
            size=size,
            data=data,
            split=split,
            layout=layout,
            threads=threads,
            out=out,
            registry=cards.registry,
            console=run.console,
        )
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error


@commands.command("reference")
def reference(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model.")],
    data: Data,
    version: Annotated[str, typer.Option(help="Without it, the active version.")] = "",
    layout: Layout = "auto",
) -> None:
    """Write down what a model's training images look like, so that others are said to be unlike."""
    from ai_engine.commands.reference import make_reference  # noqa: PLC0415 - as evaluation

    run = invocation(context)
    cards = run.model_cards()
    try:
        card = cards.registry.card(name, version) if version else cards.active(name)
        path, made = make_reference(card, data, layout)
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    run.console.print(
        f"Written to {path}: images farther than {made.limit:.2f} are said to be unlike.",
        highlight=False,
        soft_wrap=True,
    )
