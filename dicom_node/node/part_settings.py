"""What the settings say to the node's receivers."""

from dicom_node.configuration.settings import NodeSettings
from dicom_node.network.reactor import Reactor
from dicom_node.network.receiver import ScpSettings


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
