"""What the demonstration prints."""

from rich import box
from rich.console import Console
from rich.table import Table

from dicom_node.demo.outcomes import StudyOutcome
from dicom_node.demo.report_reading import Report
from dicom_node.demo.results import ResultFiles
from dicom_node.network.store_outcome import StoreOutcome
from sr_templates.percent import percent

_UNITS = {"[hnsf'U]": "HU", "1": ""}


def show_step(console: Console, text: str, seconds: float) -> None:
    """Say that something is done, and how long it took."""
    console.print(f"[green]✓[/] {text} [dim]({seconds:.1f} s)[/]", highlight=False)


def show_not_stored(console: Console, outcomes: list[StoreOutcome]) -> None:
    """List the files that the node did not take, and what it or the sender said."""
    console.print(f"\n[yellow]Not stored by the node:[/] {counted(len(outcomes), 'file')}")
    table = Table("File", "Status", "Why", box=box.SIMPLE_HEAD)
    for each in outcomes:
        status = f"0x{each.status:04X}" if each.status is not None else each.kind.value
        table.add_row(each.path.name, status, each.comment)
    console.print(table)


def show_study(console: Console, title: str) -> None:
    """Head what follows with the study's name."""
    console.print(f"\n[bold]{title}[/]", highlight=False)


def show_report(console: Console, report: Report) -> None:
    """Print what a report says as a table, and which images were not analysed."""
    images = list(dict.fromkeys(finding.image for finding in report.findings))
    title = f"found by {report.algorithm}" + (" (research only)" if report.is_research else "")
    table = Table(
        "Finding",
        *(["Image"] if len(images) > 1 else []),
        "Probability",
        "Threshold",
        "Verdict",
        box=box.SIMPLE_HEAD,
        title=title,
        title_justify="left",
    )
    for each in report.findings:
        table.add_row(
            each.title,
            *([str(images.index(each.image) + 1)] if len(images) > 1 else []),
            percent(each.probability, beside=each.threshold),
            percent(each.threshold, beside=each.probability),
            "[bold red]at or above threshold[/]" if each.is_positive else "[green]below[/]",
        )
    if table.row_count:
        console.print(table)
    if report.measurements:
        console.print(_measured(report, title))
    for statement in report.statements:
        console.print(f"  {statement}", highlight=False)
    for refusal in report.refusals:
        console.print(f"  [yellow]image not analysed[/]: {refusal}", highlight=False)
    for remark in report.remarks:
        console.print(f"  [yellow]remark[/]: {remark}", highlight=False)


def _measured(report: Report, title: str) -> Table:
    table = Table("Where", "What", "Value", box=box.SIMPLE_HEAD, title=title, title_justify="left")
    previous = ""
    for each in report.measurements:
        unit = _UNITS.get(each.unit, each.unit)
        where = "" if each.where == previous else each.where
        table.add_row(where, each.name, f"{each.value:g} {unit}".rstrip())
        previous = each.where
    return table


def show_reason(console: Console, outcome: StudyOutcome) -> None:
    """Say why a study has no result, or not all of it."""
    reason = outcome.reason or "no reason recorded"
    console.print(f"  [yellow]{outcome.state.value}[/]: {reason}", highlight=False)


def show_files(console: Console, files: ResultFiles) -> None:
    """Print where the results lie."""
    for what, paths in (
        ("structured report", files.reports),
        ("overlay", files.overlays),
        ("overlay as picture", files.pictures),
    ):
        for path in paths:
            console.print(f"  {what:<18}  {path}", highlight=False, soft_wrap=True)


def counted(count: int, noun: str) -> str:
    """Return a count with its noun; only for nouns that take an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
