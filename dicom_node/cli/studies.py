"""``dicom-node studies``: studies that name several patients, and whose they are."""

import getpass
from typing import Annotated

import typer
from rich.table import Table

from dicom_node.administration.whose import NamedPatients
from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.patient import PatientDecision
from dicom_node.errors import NotFoundError
from dicom_node.node.mending import make_whose

commands = typer.Typer(
    help="Studies whose images name several patients, and whose they are.\n\n"
    "Nothing of them is analysed until a person has decided.",
    no_args_is_help=True,
)

Study = Annotated[str, typer.Argument(help="A Study Instance UID.")]
_SHOWN = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")


@commands.command("undecided")
def undecided(context: typer.Context, as_json: AsJson = False) -> None:
    """List the studies that wait for a decision."""
    run = invocation(context)
    found = run.repositories(rows_alone=True).studies.undecided()
    if as_json:
        write_json(found)
        return
    for each in found:
        run.console.print(
            f"{each.study_instance_uid} from {each.sender}: {each.reason}",
            highlight=False,
            soft_wrap=True,
        )
    if not found:
        run.console.print("No study waits for a decision.")


@commands.command("show")
def show(context: typer.Context, study: Study) -> None:
    """Show which patients a study names, with the number of each, for `studies decide`."""
    run = invocation(context)
    named = make_whose(run.repositories()).named(study)
    table = Table(box=None)
    headings = ("Patient", "Images", "Patient ID", "Issuer", "Name", "Birth date", "Sex", "From")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for number, each in enumerate(named.patients, 1):
        said = (each.patient_id, each.issuer, each.name, each.birth_date, each.sex, each.sender)
        table.add_row(str(number), str(each.images), *said)
    run.console.print(table)
    if named.difference:
        run.console.print(f"Held: {named.difference}.", highlight=False, soft_wrap=True)
    if named.decision is not None:
        run.console.print(_told(named.decision, named), highlight=False, soft_wrap=True)


@commands.command("decide")
def decide(
    context: typer.Context,
    study: Study,
    patient: Annotated[
        int, typer.Option(help="Whose the study is, by its number in `studies show`.", min=1)
    ],
    why: Annotated[str, typer.Option(help="On what grounds; kept with the decision.")],
    same: Annotated[
        bool,
        typer.Option(
            "--same", help="All images are this patient's; otherwise only those that name it count."
        ),
    ] = False,
    by: Annotated[str, typer.Option(help="Who decides; without it, who is logged in.")] = "",
) -> None:
    """Say whose a study is: a running node analyses it shortly, and the results say who decided."""
    run = invocation(context)
    whose = make_whose(run.repositories())
    named = whose.named(study)
    if patient > len(named.patients):
        raise NotFoundError(f"study {study} names {len(named.patients)} patients: see studies show")
    decision = whose.decide(
        study,
        named.patients[patient - 1].mark,
        is_same=same,
        why=why,
        actor=by or getpass.getuser(),
        version=named.version,
    )
    run.console.print(_told(decision, named), highlight=False, soft_wrap=True)
    run.console.print("A running node analyses the study shortly.")


def _told(decision: PatientDecision, named: NamedPatients) -> str:
    patients = enumerate(named.patients, 1)
    number = next((n for n, each in patients if each.mark in decision.keys), None)
    whose = f"patient {number}'s" if number else "another patient's than now named"
    rest = "all images are this patient's" if decision.is_same else "images of others are left out"
    return (
        f"Decided by {decision.actor} at {decision.at:%Y-%m-%d %H:%M} UTC: the study is {whose}, "
        f"{rest}. Why: {decision.why}"
    )
