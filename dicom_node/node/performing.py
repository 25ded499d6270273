"""Puts together what performs steps of somebody else's worklist."""

from collections.abc import Sequence

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.procedure_step import StepReference, StepState
from dicom_node.domain.subject import Subject
from dicom_node.domain.wanted_study import WantedStudy
from dicom_node.network.ups_scu import UpsScu
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of, scu_timeouts
from dicom_node.node.repositories import Repositories
from dicom_node.node.wanting import next_revision
from dicom_node.persistence.ups.procedure_steps import HotbaseSteps
from dicom_node.ups.performing import Performing, TaskPerformer
from dicom_node.ups.presentation import Station


def performer_of(settings: NodeSettings, repositories: Repositories) -> TaskPerformer | None:
    """Return what works for the manager that the settings name; None where they name none."""
    wanted = settings.performing
    if not wanted.manager:
        return None
    return TaskPerformer(
        Performing(manager=wanted.manager, label=wanted.label, at_once=wanted.at_once),
        manager=UpsScu(
            address=lambda: address_of(settings, repositories.ae_titles.get(wanted.manager)),
            calling_ae=settings.network.ae_title,
            timeouts=scu_timeouts(settings),
        ),
        book=repositories.taken,
        analysing=_Analysing(repositories, archive=settings.retrieval.archive),
        station=Station(ae_title=settings.network.ae_title),
        clock=utc_now,
    )


class _Analysing:
    """Opens studies, has them fetched, and says how far their analyses are."""

    def __init__(self, repositories: Repositories, *, archive: str) -> None:
        self._repositories = repositories
        self._archive = archive
        self._steps = HotbaseSteps(
            repositories.engine, review_queue=repositories.review_queue(), clock=utc_now
        )

    def begin(self, study_instance_uid: str, archives: Sequence[str], *, sender: str) -> int | None:
        """Open a study for an analysis; have one fetched that the node does not have whole."""
        known = (*archives, self._archive)
        archive = next((each for each in known if each and self._has(each)), None)
        index = self._repositories.index
        revision = index.reopen(study_instance_uid, with_priors=archive is None)
        if revision is not None or archive is None:
            return revision
        wanted = WantedStudy(study_instance_uid=study_instance_uid, archive=archive, sender=sender)
        self._repositories.wanted.want(wanted, at=utc_now())
        return next_revision(self._repositories, study_instance_uid)

    def state(self, study_instance_uid: str, revision: int) -> tuple[StepState, str]:
        """Return how far an analysis is, and why it came to nothing."""
        state = self._steps.analysis(study_instance_uid, revision)
        if state is not StepState.CANCELED:
            return state, ""
        found = self._repositories.wanted.wanted(study_instance_uid)
        if found is not None and found.reason:
            return state, found.reason
        return state, self._steps.reason(study_instance_uid)

    def subject(self, study_instance_uid: str) -> Subject:
        """Return whose a study is; of one that is not here, nothing is known."""
        return self._repositories.subjects.of({study_instance_uid})[study_instance_uid]

    def outputs(self, study_instance_uid: str) -> Sequence[StepReference]:
        """Return the results of a study."""
        return self._steps.results(study_instance_uid)

    def _has(self, title: str) -> bool:
        entity = self._repositories.ae_titles.find(title)
        return entity is not None and not entity.url
