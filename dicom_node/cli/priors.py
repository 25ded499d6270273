"""``dicom-node priors``: what was fetched to be compared with a study."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.prior import PriorSearch, SearchState
from dicom_node.errors import NotFoundError
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories


def priors(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help="A Study Instance UID.")],
    again: Annotated[
        bool, typer.Option("--again", help="Have the archive asked once more.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the priors of a study: which were found, and whether they are here.

    A running node searches the archive of `retrieval.archive` when a study arrives.
    """
    run = invocation(context)
    repositories = run.repositories(rows_alone=True)
    repositories.studies.study(study)  # says so where there is none
    if again:
        _ask_again(repositories, study, run.settings().retrieval.archive)
        run.console.print("A running node asks the archive shortly.")
        return
    if as_json:
        write_json(list(repositories.priors.of_study(study)))
        return
    if not show_priors(run.console, repositories, study):
        run.console.print("No priors were wanted: see retrieval.priors in docs/settings.md.")


def show_priors(console: Console, repositories: Repositories, study: str) -> bool:
    """Say how far the search for a study's priors is, and what was found; whether there was one."""
    search = repositories.priors.search(study)
    if search is None:
        return False
    console.print(f"Priors: {_words(search)}", highlight=False, soft_wrap=True)
    table = Table("Prior", "Date", "From", "Images", "State", "Why", box=None)
    for each in repositories.priors.of_study(study):
        table.add_row(
            each.prior_study_uid,
            each.study_date,
            each.archive,
            f"{each.held} of {each.listed}",
            each.state.value,
            each.reason,
        )
    if table.row_count:
        console.print(table)
    return True


def _words(search: PriorSearch) -> str:
    match search.state:
        case SearchState.WAITING if search.reason:
            return f"{search.archive} is asked again: {search.reason}"
        case SearchState.WAITING:
            return f"{search.archive} is being asked"
        case SearchState.FAILED:
            return f"not found out: {search.reason}; dicom-node priors --again asks once more"
        case SearchState.DONE:
            return search.reason


def _ask_again(repositories: Repositories, study: str, archive: str) -> None:
    if not archive:
        raise NotFoundError("no archive is named: set retrieval.archive and retrieval.priors.")
    repositories.priors.want([study], archive, at=utc_now())
    repositories.priors.ask_again(study, at=utc_now())
