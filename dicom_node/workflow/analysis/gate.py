"""What the gate holds back: looked at again, and made again where it still fails.

An object is held when it breaks a rule of the Standard or of a template. That is a fault of this
program or of its settings, so after an update or a correction held objects get another chance.
Nothing is ever let through that does not pass.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from pydicom.errors import InvalidDicomError

from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.workflow.ports import DeliveryLedger, ObjectArchive, ResultStore, StudyStore
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """What became of held objects.

    ``released`` pass now and are sent; ``reopened`` are the jobs that are done once more, to make
    their objects anew: those that still fail, and reports in whose place a failure was told, with
    what belongs to them; ``kept`` are reports of verdicts that still fail, which no model makes.
    """

    released: tuple[EvidenceObject, ...] = ()
    reopened: tuple[str, ...] = ()
    kept: tuple[EvidenceObject, ...] = ()


class Gate:
    """Gives held objects another chance."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        deliveries: DeliveryLedger,
        archive: ObjectArchive,
        instances: Callable[[str], tuple[ReceivedInstance, ...]],
    ) -> None:
        """Keep the parts; ``instances`` gives what a job was about."""
        self._index = index
        self._results = results
        self._deliveries = deliveries
        self._archive = archive
        self._instances = instances

    def look_again(self, study_instance_uid: str = "") -> Rechecked:
        """Check what is held of a study, or of all; a running node takes up what follows of it."""
        released, kept, reopened = [], [], {}
        every = self._results.held(study_instance_uid)
        failing = {each.sop_instance_uid for each, _ in every if self._problems(each)}
        to_be_redone = {
            (each.job_id, each.evidence_set)
            for each, _ in every
            if each.kind is EvidenceKind.SR
            and (each.sop_instance_uid in failing or self._is_told_as_failed(each))
        }
        for held, study in every:
            is_redone = (held.job_id, held.evidence_set) in to_be_redone
            if held.sop_instance_uid not in failing and not is_redone:
                released.append(replace(held, problems=()))
            elif held.evidence_set in (EvidenceSet.VERDICT, EvidenceSet.TAKEN_BACK):
                kept.append(held)
            else:
                reopened[held.job_id] = study
        for each in released:
            # Deliveries first: should this be cut off between the two, it is only done again.
            self._deliveries.reopen(each.job_id, each.evidence_set)
            self._results.keep_evidence([each])
            _LOG.info("evidence released kind=%s sop=%s", each.kind.value, each.sop_instance_uid)
        for job_id, study in reopened.items():
            self._results.reopen_job(job_id)
            self._index.reopen(study)
            _LOG.info("job reopened for held evidence job=%s", job_id)
        return Rechecked(released=tuple(released), reopened=tuple(reopened), kept=tuple(kept))

    def _is_told_as_failed(self, held: EvidenceObject) -> bool:
        """Whether the PACS was told that there is no result: a new report says that there is."""
        if held.evidence_set is not EvidenceSet.RESULT:
            return False
        told = self._results.evidence(held.job_id, EvidenceSet.FAILURE)
        return any(not each.is_held for each in told)

    def _problems(self, held: EvidenceObject) -> tuple[str, ...]:
        try:
            sources = [self._archive.source(each.path) for each in self._instances(held.job_id)]
            made = self._archive.whole_evidence(held.path)
        except (OSError, InvalidDicomError) as error:
            return (f"a file of the archive cannot be read ({type(error).__name__})",)
        return problems(made, sources)
