"""What the settings say to the node's receivers and to its workflow engine."""

from dicom_node.configuration.settings import NodeSettings
from dicom_node.network.reactor import Reactor
from dicom_node.network.receiver import ScpSettings
from dicom_node.persistence.database import make_workflow_engine
from dicom_node.workflow.contract import contract_of
from dicom_node.workflow.engine import EngineSettings, WorkflowEngine
from dicom_node.workflow.pipeline import Corridor


def scp_settings(settings: NodeSettings) -> ScpSettings:
    """Return what receivers need to know."""
    network = settings.network
    return ScpSettings(
        ae_title=network.ae_title,
        host=network.host,
        port=network.port,
        receivers=network.receivers,
        max_associations=network.max_associations,
        max_associations_per_entity=network.max_associations_per_entity,
        max_associations_per_address=network.max_associations_per_address,
        max_silent_per_address=network.max_silent_per_address,
        max_object_bytes=network.max_object_bytes,
        spill_folder=str(settings.data_dir),
        reactor=Reactor(network.reactor),
        max_pdu_bytes=network.max_pdu,
        idle_timeout=network.idle_timeout,
    )


def engine_settings(settings: NodeSettings) -> EngineSettings:
    """Return where workflows are kept, and whose they are."""
    return EngineSettings(
        database_url=settings.workflow_url,
        database_engine=make_workflow_engine(settings.workflow_url),
        executor_id=settings.workflow.executor_id,
        keep_workflows=settings.workflow.keep_workflows,
        contract=contract_of(Corridor, WorkflowEngine),
        service_patience=settings.inference.service_patience,
    )
