"""``dicom-node evidence``: which results the gate holds back, why, and another chance for them."""

import getpass
from typing import Annotated

import typer

from dicom_node.cli.context import invocation
from dicom_node.cli.counting import counted
from dicom_node.cli.listing import AsJson, plain, write_json
from dicom_node.node.mending import make_held

commands = typer.Typer(
    help="Results that broke a rule of the Standard and were therefore held back, not sent.",
    no_args_is_help=True,
)

Study = Annotated[str, typer.Argument(help="A Study Instance UID; without it, all studies.")]


@commands.command("held")
def held(context: typer.Context, study: Study = "", as_json: AsJson = False) -> None:
    """List what is held back: which study, where the file lies, what is wrong with it."""
    run = invocation(context)
    repositories = run.repositories(rows_alone=True)
    found = repositories.hotbase.held(study)
    if as_json:
        write_json({"study_instance_uid": of_study, **plain(each)} for each, of_study in found)
        return
    shown = ""
    for each, of_study in found:
        if of_study != shown:
            run.console.print(f"Study {of_study}", highlight=False, soft_wrap=True)
            shown = of_study
        path = repositories.objects.evidence_path(each.path)
        run.console.print(f"  {each.kind.value}: {path}", highlight=False, soft_wrap=True)
        for problem in each.problems:
            run.console.print(f"    {problem}", highlight=False, markup=False, soft_wrap=True)
    if not found:
        run.console.print("Nothing is held back.")
        return
    run.console.print(
        "None of these was sent. After an update or a correction of the settings, dicom-node "
        "evidence retry checks them again, and makes again what still fails.",
        highlight=False,
    )


@commands.command("retry")
def retry(context: typer.Context, study: Study = "") -> None:
    """Check held results again: what passes is sent, the rest is made anew by the running node."""
    run = invocation(context)
    held = make_held(run.repositories())
    seen = held.look_again(actor=getpass.getuser(), study_instance_uid=study)
    run.console.print(
        f"{counted(seen.released, 'object passes', 'objects pass')} now and will be sent; "
        f"{counted(seen.reopened, 'job')} will be done again to make theirs anew.",
        highlight=False,
    )
    if seen.kept:
        run.console.print(
            f"Still held: {counted(seen.kept, 'report')} of verdicts; dicom-node evidence held "
            "says why.",
            highlight=False,
        )
