"""``dicom-node route``: the routes, and what they do with files."""

import getpass
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ai_engine.errors import AiEngineError
from dicom_node.administration.routes import Routes
from dicom_node.cli.context import Invocation, invocation, set_up_dicom
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.route import RouteSet
from dicom_node.domain.route_matching import matching_routes
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.node.routing import make_routes

commands = typer.Typer(help="Check and explain routes.", no_args_is_help=True)


@commands.command("list")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """List the routes that count now, and where they come from."""
    run = invocation(context)
    found = _routes(run).current()
    if as_json:
        write_json(found.routes)
        return
    table = Table("Route", "Model", "Modalities", "Body parts", "Results go to", box=None)
    for each in found.routes:
        table.add_row(
            each.name,
            each.model,
            ", ".join(sorted(each.modalities)) or "any",
            ", ".join(sorted(each.body_parts)) or "any",
            ", ".join(each.destinations) or "the sender's destinations",
        )
    run.console.print(table)
    run.console.print(_origin(run, found), highlight=False, soft_wrap=True)


@commands.command("check")
def check(context: typer.Context) -> None:
    """Check the routes that count now, and that the models they name can be served."""
    # Loads what runs models, which the list does not need.
    from ai_engine.kinds.preparation import prepare_model  # noqa: PLC0415
    from dicom_node.models.routable import require_servable  # noqa: PLC0415
    from dicom_node.models.services import require_answering  # noqa: PLC0415

    run = invocation(context)
    found = _routes(run).current()
    cards = run.model_cards()
    for route in found.routes:
        card = require_servable(cards, route)
        with run.console.status(f"Making sure that {card.name} can be run…"):
            try:
                prepare_model(card, run.settings().cache_dir)
            except AiEngineError as error:
                raise ModelUnavailableError(f"route {route.name}: {error}") from error
            require_answering(card, run.settings())
        run.console.print(f"{route.name}: model {card.identity.key}", highlight=False)
    run.console.print(f"{len(found.routes)} routes are fine.")


@commands.command("reset")
def reset(context: typer.Context) -> None:
    """Go back to the routes of config/routes.toml; a running node follows."""
    run = invocation(context)
    _routes(run).reset(actor=getpass.getuser())
    run.console.print(f"{run.config_dir / 'routes.toml'} counts again.", highlight=False)


def _routes(run: Invocation) -> Routes:
    return make_routes(run.repositories(rows_alone=True), run.config_dir, run.model_cards())


def _origin(run: Invocation, found: RouteSet) -> str:
    if found.is_of_file or found.at is None:
        return f"From {run.config_dir / 'routes.toml'}."
    return (
        f"Changed by {found.actor} at {found.at:%Y-%m-%d %H:%M} UTC; "
        f"{run.config_dir / 'routes.toml'} is not read until `dicom-node route reset`."
    )


@commands.command("explain")
def explain(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="DICOM files.")],
    calling: Annotated[
        str, typer.Option("--from", help="Calling AE title to suppose.")
    ] = "UNKNOWN",
) -> None:
    """Say for each file which routes want it, and which conditions hold or fail."""
    # Reads objects and looks at their pixels, which the list does not.
    from ai_engine.kinds.kind import Reads  # noqa: PLC0415
    from ai_engine.kinds.registry import kind_of  # noqa: PLC0415
    from dicom_node.archive.external import read_external  # noqa: PLC0415
    from dicom_node.models.appearance import FileGuard  # noqa: PLC0415

    set_up_dicom(calls_peers=False)
    run = invocation(context)
    routes = _routes(run).in_use()
    guard = FileGuard(run.model_cards(), cache=run.settings().cache_dir)
    wanted: dict[str, list[Path]] = {}
    for path in files:
        instance = read_external(path, calling_ae=calling)
        run.console.print(f"[bold]{path}[/]", highlight=False)
        for route in routes:
            look = guard.look(path, instance, route.model) if route.asks_pixels(instance) else None
            looks = {instance.sop_instance_uid: look} if look else {}
            wants = bool(matching_routes([route], [instance], looks))
            verdict = "[green]wanted by[/]" if wants else "[red]not for[/]"
            run.console.print(f"  {verdict} {route.name} (model {route.model})", highlight=False)
            for each in route.verdicts(instance, look):
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
    from pydicom import dcmread  # noqa: PLC0415 - as above

    from ai_engine.ct.series import list_series  # noqa: PLC0415 - as above

    series, left_out = list_series([dcmread(path, stop_before_pixels=True) for path in paths])
    console.print(f"[bold]Series for {model}[/], best first", highlight=False)
    for number, each in enumerate(series, start=1):
        problem = f"; cannot be measured: {each.problem}" if each.problem else ""
        console.print(f"  {number}. {each.words}{problem}", highlight=False)
    for others in left_out:
        count = len(others.sop_instance_uids)
        console.print(f"  left out: {count} of {others.reason}", highlight=False)
