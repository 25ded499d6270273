"""What the settings say to the node's workflow engine."""

from dicom_node.configuration.settings import NodeSettings
from dicom_node.persistence.database import make_workflow_engine
from dicom_node.workflow.contract import contract_of
from dicom_node.workflow.engine import EngineSettings, WorkflowEngine
from dicom_node.workflow.pipeline import Corridor


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
