"""``dicom-node route``: what config/routes.toml does with files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydicom import dcmread
from rich.console import Console

from ai_engine.ct.series import list_series
from ai_engine.errors import AiEngineError
from ai_engine.kinds.kind import Reads
from ai_engine.kinds.preparation import prepare_model
from ai_engine.kinds.registry import kind_of
from ai_engine.kinds.serving import require_routable, require_suitable
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import verify_weights
from dicom_node.archive.external import read_external
from dicom_node.cli.context import Invocation, invocation
from dicom_node.configuration.files import load_routes
from dicom_node.domain.route import Route
from dicom_node.models.appearance import FileGuard
from dicom_node.models.cards import ModelCards, ModelUnavailableError

commands = typer.Typer(help="Check and explain routes.", no_args_is_help=True)


@commands.command("check")
def check(context: typer.Context) -> None:
    """Validate config/routes.toml, and that the models it names can be served."""
    run = invocation(context)
    routes = load_routes(run.config_dir)
    cards = run.model_cards()
    for route in routes:
        card = cards.active(route.model)
        try:
            _require_servable(run, cards, card, route)
        except AiEngineError as error:
            raise ModelUnavailableError(f"route {route.name}: {error}") from error
        run.console.print(f"{route.name}: model {card.identity.key}", highlight=False)
    run.console.print(f"{len(routes)} routes are fine.")


def _require_servable(run: Invocation, cards: ModelCards, card: ModelCard, route: Route) -> None:
    """Better here than at the first study: what the model needs, and that it can be run."""
    require_routable(card, cards.registry, cards.versions)
    require_suitable(card, modalities=route.modalities, body_parts=route.body_parts)
    verify_weights(card)
    with run.console.status(f"Making sure that {card.name} can be run…"):
        prepare_model(card, run.settings().cache_dir)


@commands.command("explain")
def explain(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="DICOM files.")],
    calling: Annotated[
        str, typer.Option("--from", help="Calling AE title to suppose.")
    ] = "UNKNOWN",
) -> None:
    """Say for each file which routes want it, and which conditions hold or fail."""
    run = invocation(context)
    routes = load_routes(run.config_dir)
    guard = FileGuard(run.model_cards(), cache=run.settings().cache_dir)
    wanted: dict[str, list[Path]] = {}
    for path in files:
        instance = read_external(path, calling_ae=calling)
        run.console.print(f"[bold]{path}[/]", highlight=False)
        for route in routes:
            look = guard.look(path, instance, route.model) if route.doubts(instance) else None
            wants = route.matches(instance) or (look and look.body_part in route.body_parts)
            verdict = "[green]wanted by[/]" if wants else "[red]not for[/]"
            run.console.print(f"  {verdict} {route.name} (model {route.model})", highlight=False)
            for each in route.verdicts(instance):
                mark = "[green]✓[/]" if each.holds else "[red]✗[/]"
                run.console.print(f"    {mark} {each.condition}: {each.reason}", highlight=False)
            if look:
                mark = "[green]✓[/]" if wants else "[red]✗[/]"
                run.console.print(
                    f"    {mark} pixels decide: they show {look.words}", highlight=False
                )
            if wants:
                wanted.setdefault(route.model, []).append(path)
    for model, paths in wanted.items():
        if kind_of(run.model_cards().active(model)).reads is Reads.CT_STUDY:
            _explain_series(run.console, model, paths)


def _explain_series(console: Console, model: str, paths: Sequence[Path]) -> None:
    """Say which of the wanted files' series a CT model would measure, and what of the others."""
    series, left_out = list_series([dcmread(path, stop_before_pixels=True) for path in paths])
    console.print(f"[bold]Series for {model}[/], best first", highlight=False)
    for number, each in enumerate(series, start=1):
        problem = f"; cannot be measured: {each.problem}" if each.problem else ""
        console.print(f"  {number}. {each.words}{problem}", highlight=False)
    for others in left_out:
        count = len(others.sop_instance_uids)
        console.print(f"  left out: {count} of {others.reason}", highlight=False)
