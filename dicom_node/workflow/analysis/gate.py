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
from sr_templates.validation import problems

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceCheck:
    """What became of held objects.

    ``released`` pass now and are sent; ``reopened`` are the jobs that are done once more, to make
    their objects anew; ``kept`` are reports of verdicts that still fail: no model makes those anew.
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

    def look_again(self, study_instance_uid: str = "") -> AppearanceCheck:
        """Check what is held of a study, or of all; a running node takes up what follows of it."""
        released, kept, reopened = [], [], {}
        for held, study in self._results.held(study_instance_uid):
            if not self._problems(held):
                released.append(replace(held, problems=()))
            elif held.evidence_set is EvidenceSet.VERDICT:
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
        return AppearanceCheck(released=tuple(released), reopened=tuple(reopened), kept=tuple(kept))

    def _problems(self, held: EvidenceObject) -> tuple[str, ...]:
        try:
            sources = [self._archive.source(each.path) for each in self._instances(held.job_id)]
            made = self._archive.whole_evidence(held.path)
        except (OSError, InvalidDicomError) as error:
            return (f"a file of the archive cannot be read ({type(error).__name__})",)
        return problems(made, sources)
