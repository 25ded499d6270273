"""``dicom-node erase``: forget a patient or a study."""

import getpass
from typing import Annotated

import typer

from dicom_node.cli.context import invocation
from dicom_node.cli.counting import counted
from dicom_node.errors import ConfigurationError, ConflictError, NotFoundError
from dicom_node.node.clock import utc_now
from dicom_node.node.erasing import Erasing, Held


def erase(
    context: typer.Context,
    why: Annotated[str, typer.Option(help="Why, for the audit trail; must not name the patient.")],
    patient: Annotated[str, typer.Option(help="A Patient ID; all its studies.")] = "",
    study: Annotated[str, typer.Option(help="One Study Instance UID.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Erase; without it, only say what would be.")
    ] = False,
) -> None:
    """Erase everything of a patient or a study: images, results, verdicts, validated images.

    What stays: who erased which study, when and why; what models and thresholds have learned; what
    was sent elsewhere, and backups until they are made anew with --mirror.
    """
    if bool(patient) == bool(study):
        raise ConfigurationError("Give either --patient or --study.")
    run = invocation(context)
    erasing = Erasing(run.repositories())
    held = erasing.held((study,) if study else erasing.studies_of(patient))
    if not held:
        raise NotFoundError("Nothing is held of it.")
    for each in held:
        run.console.print(_said(each), highlight=False, soft_wrap=True)
    if busy := [each.study_instance_uid for each in held if each.busy]:
        raise ConflictError(
            f"{counted(len(busy), 'study is', 'studies are')} still being received, analysed or "
            "delivered: "
            f"{', '.join(busy)}. Wait until dicom-node status shows them done."
        )
    if not yes:
        run.console.print("Nothing was erased. --yes erases this for good.")
        return
    erasing.erase(held, actor=getpass.getuser(), why=why, at=utc_now())
    run.console.print(f"Erased {counted(len(held), 'study', 'studies')}.", highlight=False)


def _said(held: Held) -> str:
    return (
        f"{held.study_instance_uid}: {counted(held.images, 'image')}, "
        f"{counted(held.results, 'result')}, "
        f"{counted(held.validated, 'validated image')}"
    )
