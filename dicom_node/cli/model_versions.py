"""``dicom-node models import|promote|rollback|history``: versions, and which one is active."""

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ai_engine.errors import AiEngineError
from ai_engine.importing.folder import install_model
from ai_engine.importing.profiles import profile_named, with_labels
from ai_engine.kinds.registry import kind_of
from ai_engine.library.card import CARD_NAME, ModelCard, read_card
from ai_engine.library.earned import reported_labels, what_it_tells
from ai_engine.library.names import model_folder
from dicom_node.administration.models import ModelVersions, Promotion
from dicom_node.audit.events import act
from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.models.routable import require_runnable
from dicom_node.models.services import require_answering
from dicom_node.node.clock import utc_now

commands = typer.Typer()

Model = Annotated[str, typer.Argument(help="The model.")]
By = Annotated[str, typer.Option(help="Who decides; without it, who is logged in.")]


@commands.command("import")
def import_model(
    context: typer.Context,
    source: Annotated[
        Path,
        typer.Argument(
            help="A model folder with card.toml, weights (.h5, .pt, .pth, .tar, .safetensors), or "
            "a network (.onnx, .xml)."
        ),
    ],
    kind: Annotated[
        str, typer.Option(help="Whose weights: chexnet or torchxrayvision. Not for folders.")
    ] = "",
    name: Annotated[str, typer.Option(help="The model that gets a version.")] = "chest-radiograph",
    version: Annotated[str, typer.Option(help="The new version.")] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="An output, in order, where they aren't the kind's.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "",
    scaling: Annotated[
        str, typer.Option(help="Of a network's grey values: standard, unit, byte, imagenet…")
    ] = "",
    activation: Annotated[
        str, typer.Option(help="Of a network's outputs: none, sigmoid or softmax.")
    ] = "",
    output: Annotated[
        list[str] | None, typer.Option(help="A network's outputs that count, where it has more.")
    ] = None,
    size: Annotated[int, typer.Option(help="Rows of a network's image, where it is open.")] = 0,
    guard: Annotated[
        str, typer.Option(help="What decides which images a network sees; none for no guard.")
    ] = "",
) -> None:
    """Install a model beside the others; nothing changes until it is promoted."""
    # Reads networks, which lists of versions do not.
    from ai_engine.commands.import_network import NetworkRequest, import_network  # noqa: PLC0415
    from ai_engine.importing.network_file import SUFFIXES  # noqa: PLC0415

    run = invocation(context)
    models = run.settings().models_dir
    try:
        if source.is_dir():
            _require_fit(run, read_card(source))
            card = install_model(source, models)
        elif source.suffix in SUFFIXES:
            request = NetworkRequest(
                file=source,
                name=name,
                version=_free_version(models, name, version),
                labels=tuple(label or ()),
                family=kind,
                scaling=scaling,
                activation=activation,
                outputs=tuple(output or ()),
                size=size,
                guard=guard,
                **({"licence": licence} if licence else {}),
            )
            card = import_network(request, models, cache=run.settings().cache_dir)
        else:
            card = _import_weights(source, models, kind, name, version, label or [], licence)
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    where = {"from": str(source.resolve())}
    run.record(
        act(
            "model import",
            user=getpass.getuser(),
            at=utc_now(),
            subject=card.identity.key,
            details=where,
        )
    )
    say_what_is_reported(run.console, card)
    run.console.print(
        f"Installed {card.identity.key} in {card.folder}.\n"
        f"Compare it, then: dicom-node models promote {card.name} {card.version}",
        highlight=False,
        soft_wrap=True,
    )


@commands.command("check")
def check(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model; without it, every active one.")] = "",
    version: Annotated[str, typer.Option(help="Without it, the active version.")] = "",
) -> None:
    """Make sure that models can be run: weights fit cards, and services would answer."""
    run = invocation(context)
    cards = run.model_cards()
    named = [cards.version(name, version) if version else cards.active(name)] if name else []
    for card in named or cards.all_active():
        _require_fit(run, card)
        is_asked = require_answering(card, run.settings())
        words = "its service would answer" if is_asked else "can be run"
        run.console.print(f"{card.identity.key}: {words}.", highlight=False, soft_wrap=True)


@commands.command("promote")
def promote(
    context: typer.Context,
    name: Model,
    version: Annotated[str, typer.Argument(help="The version to make active.")],
    anyway: Annotated[
        str,
        typer.Option(help="Why it is promoted though its own report shows it to be worse."),
    ] = "",
    by: By = "",
) -> None:
    """Make a version active. A running node uses it from the next study on."""
    run = invocation(context)
    versions = _versions(run)
    with run.console.status("Making sure that the weights fit the card…"):
        done = versions.promote(name, version, actor=_who(by), anyway=anyway)
    say_what_is_reported(run.console, versions.card(name, version))
    _say(run, done)


@commands.command("rollback")
def rollback(context: typer.Context, name: Model, by: By = "") -> None:
    """Take the newest promotion of a model back. A running node follows."""
    run = invocation(context)
    _say(run, _versions(run).rollback(name, actor=_who(by)))


@commands.command("history")
def history(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Without it, all.")] = "",
    as_json: AsJson = False,
) -> None:
    """List who promoted which version when, oldest first."""
    run = invocation(context)
    if as_json:
        entries = run.model_cards().journal.entries()
        write_json(each for each in entries if name in ("", each.model))
        return
    table = Table("When", "Who", "What", "Model", "Before", "After", "Weights", box=None)
    for entry in run.model_cards().journal.entries():
        if name in ("", entry.model):
            table.add_row(
                entry.at.isoformat(timespec="seconds"),
                entry.by,
                entry.change,
                entry.model,
                entry.before or "none",
                entry.after or "none",
                entry.weights_digest[:12],
            )
    run.console.print(table)


def _versions(run: Invocation) -> ModelVersions:
    # Wires what administers, which importing does without.
    from dicom_node.node.administering import make_model_versions  # noqa: PLC0415

    return make_model_versions(
        run.model_cards(), run.settings().cache_dir, run.repositories().audit
    )


def _require_fit(run: Invocation, card: ModelCard) -> None:
    """Better here than at the first study: make ready to run what the card says."""
    with run.console.status("Making sure that the weights fit the card…"):
        require_runnable(card, run.model_cards(), run.settings().cache_dir)


def say_what_is_reported(console: Console, card: ModelCard) -> None:
    """Say by which names results will report, and which labels have not earned theirs."""
    if not kind_of(card).has_findings:
        return
    names = ", ".join(label.title for label in reported_labels(card))
    console.print(f"Reports: {names}.", highlight=False, soft_wrap=True)
    if words := what_it_tells(card):
        console.print(f"[yellow]{words}[/]", highlight=False, soft_wrap=True)


def _import_weights(
    file: Path, models: Path, kind: str, name: str, version: str, labels: list[str], licence: str
) -> ModelCard:
    if not file.is_file():
        raise ModelUnavailableError(f"{file}: no such file; name a model folder or a weights file.")
    if not kind or not version:
        raise ModelUnavailableError(
            f"{file} holds bare weights: say whose with --kind chexnet or --kind torchxrayvision, "
            "and give the new version with --version."
        )
    _free_version(models, name, version)
    from ai_engine.commands.import_weights import (  # noqa: PLC0415 - as above
        ImportRequest,
        import_densenet121,
    )

    profile = profile_named(kind)
    request = ImportRequest(
        file=file,
        profile=with_labels(profile, tuple(labels)) if labels else profile,
        out=models,
        name=name,
        version=version,
        **({"licence": licence} if licence else {}),
    )
    return import_densenet121(request)


def _free_version(models: Path, name: str, version: str) -> str:
    """A version that is not there yet; what lies there without a card is no model."""
    if not version:
        raise ModelUnavailableError("give the new version with --version.")
    if (place := model_folder(models, name, version) / CARD_NAME).exists():
        raise ModelUnavailableError(
            f"{place.parent} exists: results must stay traceable, so choose another --version."
        )
    return version


def _who(by: str) -> str:
    return by or getpass.getuser()


def _say(run: Invocation, entry: Promotion) -> None:
    run.console.print(
        f"{entry.model}: {entry.before or 'none'} → {entry.after or 'none'} ({entry.by}). "
        f"Take it back with: dicom-node models rollback {entry.model}",
        highlight=False,
        soft_wrap=True,
    )
