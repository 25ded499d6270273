"""``dicom-node models shadow``: a candidate on live studies, unseen."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ai_engine.kinds.shipped import CHEST_MODEL
from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.counting import counted
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.errors import ConfigurationError
from dicom_node.node.clock import utc_now

if TYPE_CHECKING:
    from ai_engine.drift.agreement import Rate
    from dicom_node.workflow.devices.shadow_report import ShadowAgreement

commands = typer.Typer()

_OFF = "off"
_REPORT = "report"


@commands.command("shadow")
def shadow(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The model, or the word report.")],
    version: Annotated[
        str,
        typer.Argument(help="The version to run as shadow, or off; after report, the model."),
    ] = "",
    of: Annotated[
        str, typer.Option("--version", help="Report on this version; without it, the running one.")
    ] = "",
    by: Annotated[str, typer.Option(help="Who does it; without it, who is logged in.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let a version look at live studies after the active one: kept, never sent, never shown.

    [bold]models shadow NAME VERSION[/] starts, [bold]models shadow NAME off[/] ends,
    [bold]models shadow report[/] compares it with the active version and with the experts,
    device by device. A running node follows within its sweep interval.
    """
    run = invocation(context)
    if name == _REPORT:
        _report(run, version or CHEST_MODEL, of, as_json=as_json)
        return
    if not version:
        raise ConfigurationError(f"say which version of {name} runs as shadow, or off.")
    actor = by or getpass.getuser()
    if version == _OFF:
        ended = run.repositories().shadows.end(name, actor=actor, at=utc_now())
        run.console.print(
            f"{name}/{ended.version} no longer runs as shadow; what it said is kept.",
            highlight=False,
        )
        return
    from dicom_node.node.shadows import Shadows  # noqa: PLC0415 - loads what scores images

    Shadows(run.repositories(), run.model_cards()).start(name, version, by=actor, at=utc_now())
    run.console.print(
        f"{name}/{version} looks at live studies after the active version. Nothing it says is "
        "sent or shown: dicom-node models shadow report",
        highlight=False,
        soft_wrap=True,
    )


def _report(run: Invocation, name: str, version: str, *, as_json: bool) -> None:
    repositories = run.repositories(rows_alone=True)
    from dicom_node.node.shadows import Shadows  # noqa: PLC0415 - as above

    running, report = Shadows(repositories, run.model_cards()).report(name, version)
    if as_json:
        write_json(report.agreements)
        return
    which = version or (running.version if running else "")
    titles = {key: device.title for key, device in repositories.warehouse.devices().items()}
    table = Table(
        "Device", "Label", "Images", "Calls as champion", "Kappa", "Shift", "Verdicts",
        "Champion right", "Shadow right", "AUC difference", "Shadow is",
        title=f"{name}/{which} as shadow: {counted(report.images, 'image')}",
        title_justify="left", box=None,
    )  # fmt: skip
    for each in report.agreements:
        table.add_row(*_cells(each, titles))
    run.console.print(table)
    for reason, count in sorted(report.failures.items()):
        run.console.print(f"Not scored: {count}, {reason}.", highlight=False)
    run.console.print(
        "Experts had seen the champion's result when they decided, which speaks for the champion.",
        highlight=False,
    )


def _cells(each: "ShadowAgreement", titles: dict[str, str]) -> tuple[str, ...]:
    from ai_engine.commands.comparison.paired import ALL_DEVICES  # noqa: PLC0415 - as above
    from ai_engine.commands.comparison.report import difference  # noqa: PLC0415 - as above

    compared = each.compared
    return (
        "all" if each.device_id == ALL_DEVICES else titles.get(each.device_id, each.device_id),
        each.label,
        str(each.images),
        _rate(each.agreement),
        "–" if each.kappa is None else f"{each.kappa:.2f}",
        f"{each.shift:+.3f}",
        str(each.champion_right.among if each.champion_right else 0),
        _rate(each.champion_right),
        _rate(each.shadow_right),
        difference(compared) if compared else "",
        compared.standing.value if compared else "",
    )


def _rate(found: "Rate | None") -> str:
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})" if found else ""
