"""Giving a study up whose analysis broke off: its row says so, and a report in the PACS does.

Whoever sent a study waits for an answer there. What made the analysis break off may break this off
too; then the row says it all the same, and the log has the trace.
"""

import logging
from dataclasses import dataclass

from dicom_node.domain.study import StoredStudy
from dicom_node.errors import AwayError, NodeError
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.delivery.plan import Planning

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GivingUp:
    """Ends what nobody goes on with; the parts are the corridor's own."""

    completion: Completion
    routing: Routing
    reporting: Reporting
    planning: Planning

    def give_up(self, study_instance_uid: str, workflow_id: str, reason: str) -> None:
        """End the analysis that ``workflow_id`` has claimed, and say why; done twice, it is one.

        Parameters
        ----------
        reason
            In words that may go into a report: the node's own, free of header values.
        """
        study = self.completion.claimed(study_instance_uid, workflow_id)
        if study is None:
            return
        try:
            self._tell(study, reason)
        except AwayError:  # waited for: whoever asked asks again
            raise
        except NodeError as error:
            _LOG.error("not said in the PACS study=%s reason=%r", study_instance_uid, str(error))
        except Exception:
            self.completion.abandon(study_instance_uid, workflow_id, reason)
            raise
        self.completion.abandon(study_instance_uid, workflow_id, reason)

    def _tell(self, study: StoredStudy, reason: str) -> None:
        routed = self.routing.broken_off(study, reason)
        for job in routed.untold:
            self.reporting.report_unanswered(study, job, routed.told)
        for job in (*routed.done_before, *routed.untold):
            self.planning.plan(job)
