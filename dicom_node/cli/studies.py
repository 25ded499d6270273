"""``dicom-node studies``: studies that name several patients, and whose they are."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.patient import PatientDecision, PatientInStudy
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.node.clock import utc_now
from dicom_node.node.mending import make_studies
from dicom_node.node.repositories import Repositories

if TYPE_CHECKING:
    from pydicom import Dataset

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
    # Reads objects, which the list of undecided studies does not.
    from dicom_node.workflow.analysis.patients import difference_of, named_patients  # noqa: PLC0415

    run = invocation(context)
    repositories = run.repositories()
    instances = _instances(repositories, study)
    patients = named_patients(instances)
    table = Table(box=None)
    headings = ("Patient", "Images", "Patient ID", "Issuer", "Name", "Birth date", "Sex", "From")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for number, patient in enumerate(patients, 1):
        first = _first(instances, patient)
        header = repositories.objects.source(first.path)
        said = (_said(header, keyword) for keyword in _SHOWN)
        count = str(len(patient.sop_instance_uids))
        table.add_row(str(number), count, *said, first.calling_ae)
    run.console.print(table)
    if len(patients) > 1:
        differ = difference_of(instances, len(patients))
        run.console.print(f"Held: {differ}.", highlight=False, soft_wrap=True)
    if (decision := repositories.patient_decisions.of_study(study)) is not None:
        run.console.print(_told(decision, patients), highlight=False, soft_wrap=True)


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
    from dicom_node.workflow.analysis.patients import named_patients  # noqa: PLC0415 - as above

    run = invocation(context)
    repositories = run.repositories()
    instances = _instances(repositories, study)
    patients = named_patients(instances)
    if patient > len(patients):
        raise NotFoundError(f"study {study} names {len(patients)} patients: see studies show")
    if len(patients) == 1:
        raise ConflictError(f"study {study} names one patient: there is nothing to decide")
    if same:
        _check_one_id(instances)
    decision = PatientDecision(
        keys=patients[patient - 1].keys,
        known=tuple(sorted(key for each in patients for key in each.keys)),
        is_same=same,
        actor=by or getpass.getuser(),
        at=utc_now(),
        why=why,
    )
    repositories.patient_decisions.decide(study, decision)
    make_studies(repositories).rerun(study, actor=decision.actor)
    run.console.print(_told(decision, patients), highlight=False, soft_wrap=True)
    run.console.print("A running node analyses the study shortly.")


def _instances(repositories: Repositories, study: str) -> tuple[ReceivedInstance, ...]:
    from dicom_node.workflow.analysis.patients import without_own  # noqa: PLC0415 - as above

    repositories.studies.study(study)  # says so where there is none
    return without_own(repositories.index.instances(study), repositories.hotbase)


def _first(instances: tuple[ReceivedInstance, ...], patient: PatientInStudy) -> ReceivedInstance:
    wanted = patient.sop_instance_uids[0]
    return next(each for each in instances if each.sop_instance_uid == wanted)


def _said(header: "Dataset", keyword: str) -> str:
    return str(header.get(keyword) or "")


def _check_one_id(instances: tuple[ReceivedInstance, ...]) -> None:
    """Refuse to treat two Patient IDs as one: archives file the images apart, whoever it is."""
    if len({each.patient.patient_id for each in instances}) > 1:
        raise ConflictError(
            "the images have different Patient IDs, and archives file them apart: have the sender "
            "correct them and send them again, or decide without --same"
        )


def _told(decision: PatientDecision, patients: tuple[PatientInStudy, ...]) -> str:
    number = next((n for n, each in enumerate(patients, 1) if each.keys == decision.keys), None)
    whose = f"patient {number}'s" if number else "another patient's than now named"
    rest = "all images are this patient's" if decision.is_same else "images of others are left out"
    return (
        f"Decided by {decision.actor} at {decision.at:%Y-%m-%d %H:%M} UTC: the study is {whose}, "
        f"{rest}. Why: {decision.why}"
    )
