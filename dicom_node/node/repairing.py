"""Puts repairing together: one archive, asked for what studies lack."""

from datetime import timedelta

from ai_engine.ct.refusal import CtRefusalReason
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.study import StudyRecord
from dicom_node.network.retrieve_scu import ArchiveScu
from dicom_node.node.clock import utc_now
from dicom_node.node.peers import address_of, scu_timeouts
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.repair import Repairing


def repairing_of(
    settings: NodeSettings, repositories: Repositories, completion: Completion
) -> Repairing:
    """Return what repairs studies from the archive that the settings name."""
    wanted = settings.retrieval
    archive = ArchiveScu(
        lambda: address_of(settings, repositories.ae_titles.get(wanted.archive)),
        calling_ae=settings.network.ae_title,
        timeouts=scu_timeouts(settings),
        store=repositories.received,
        now=utc_now,
    )

    def candidates() -> tuple[StudyRecord, ...]:
        since = utc_now() - timedelta(seconds=wanted.look_back)
        return repositories.index.lacking(CtRefusalReason.MISSING_SLICES, since=since)

    return Repairing(
        index=repositories.index,
        candidates=candidates,
        archive=archive,
        completion=completion,
    )
