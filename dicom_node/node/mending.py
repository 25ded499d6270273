"""Puts together what has studies, deliveries and models' work go on, for node and command line."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.held import HeldResults, SeenAgain
from dicom_node.administration.studies import Studies
from dicom_node.administration.whose import WhoseStudies
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories

if TYPE_CHECKING:
    from dicom_node.administration.models import Suspensions

# What tells patients apart for whoever decides, by the names of `NamedPatient`.
_SAID = {
    "patient_id": "PatientID",
    "issuer": "IssuerOfPatientID",
    "name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
}


def make_studies(repositories: Repositories) -> Studies:
    """Return the administration of studies over a node's stores."""
    return Studies(
        index=repositories.index,
        lists=repositories.traffic,
        results=repositories.hotbase,
        deliveries=repositories.deliveries,
        wanted=repositories.wanted,
        archive=repositories.settings.retrieval.archive,
        trail=repositories.audit,
        clock=utc_now,
    )


def make_deliveries(repositories: Repositories) -> Deliveries:
    """Return the administration of deliveries over a node's stores."""
    return Deliveries(
        repositories.deliveries,
        study_of=lambda job_id: repositories.hotbase.job_instances(job_id)[0],
        trail=repositories.audit,
        clock=utc_now,
    )


def make_suspensions(repositories: Repositories) -> "Suspensions":
    """Return the administration of suspensions over a node's stores."""
    # Knows cards of models, which no other command here needs.
    from dicom_node.administration.models import Suspensions  # noqa: PLC0415

    return Suspensions(repositories.observations, clock=utc_now)


def make_whose(repositories: Repositories) -> WhoseStudies:
    """Return what says whom studies name, and keeps whose they are."""

    def instances(study: str) -> Sequence[ReceivedInstance]:
        # Reads objects, which the lists of studies do not.
        from dicom_node.workflow.analysis.patients import without_own  # noqa: PLC0415

        repositories.studies.study(study)  # says so where there is none
        return without_own(repositories.index.instances(study), repositories.hotbase)

    def header(instance: ReceivedInstance) -> Mapping[str, str]:
        read = repositories.objects.source(instance.path)
        return {name: str(read.get(keyword) or "") for name, keyword in _SAID.items()}

    studies = make_studies(repositories)
    return WhoseStudies(
        instances=instances,
        header=header,
        decisions=repositories.patient_decisions,
        rerun=lambda study, actor: studies.rerun(study, actor=actor),
        clock=utc_now,
    )


def make_held(repositories: Repositories) -> HeldResults:
    """Return what counts held results and has them checked again."""

    def look_again(study: str) -> SeenAgain:
        # Reads and judges objects, which the list does not.
        from dicom_node.workflow.analysis.gate import Gate  # noqa: PLC0415

        gate = Gate(
            index=repositories.index,
            results=repositories.hotbase,
            deliveries=repositories.deliveries,
            archive=repositories.objects,
            instances=repositories.item_instances,
        )
        seen = gate.look_again(study)
        return SeenAgain(
            released=len(seen.released), reopened=len(seen.reopened), kept=len(seen.kept)
        )

    return HeldResults(
        repositories.hotbase, look_again=look_again, trail=repositories.audit, clock=utc_now
    )
