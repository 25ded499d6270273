"""What the settings say to the node's workflow engine."""

from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.hosts import Cluster
from dicom_node.node.roles import shares
from dicom_node.persistence.bells import WorkBell
from dicom_node.persistence.database import (
    make_engine,
    make_workflow_engine,
    postgresql_arguments,
)
from dicom_node.workflow.contract import StepContract, contract_of
from dicom_node.workflow.engine import EngineSettings, Sharing, WorkflowEngine
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.remote import RemoteSettings


def engine_settings(settings: NodeSettings, cluster: Cluster) -> EngineSettings:
    """Return where workflows are kept, and whose they are."""
    return EngineSettings(
        database_url=settings.workflow_url,
        database_engine=make_workflow_engine(settings.workflow_url),
        executor_id=cluster.executor_id,
        keep_workflows=settings.workflow.keep_workflows,
        contract=contract(),
        sharing=_sharing(settings, cluster) if shares(settings) else None,
        service_patience=settings.inference.service_patience,
    )


def _sharing(settings: NodeSettings, cluster: Cluster) -> Sharing:
    return Sharing(
        places=2 * settings.workflow.parallel_studies,
        others_work=cluster.others_work,
        versions=cluster.versions,
        connect=postgresql_arguments(settings.workflow_url),
        bell=WorkBell(settings.workflow_url),
    )


def contract() -> StepContract:
    """Return which durable steps this version does, and with which values."""
    return contract_of(Corridor, WorkflowEngine)


def remote_settings(settings: NodeSettings) -> RemoteSettings:
    """Return where workflows are kept that other hosts run."""
    return RemoteSettings(
        database_url=settings.workflow_url,
        database_engine=make_engine(settings.workflow_url),
        version=contract().version,
        bell=WorkBell(settings.workflow_url),
    )
