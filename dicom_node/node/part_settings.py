"""What the settings say to the parts that listen: receivers, and TLS.

Callers are answered as soon as this is imported, so that it imports little.
"""

from pathlib import Path

from dicom_node.configuration.settings import NodeSettings
from dicom_node.errors import ConfigurationError
from dicom_node.network.reactor import Reactor
from dicom_node.network.receiver import ScpSettings
from dicom_node.network.tls import TlsFiles


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


def tls_files(settings: NodeSettings) -> TlsFiles | None:
    """Return the files that TLS needs, or None where the node has no certificate.

    Raises
    ------
    ConfigurationError
        When some are named and others are not.
    """
    tls = settings.tls
    named = [tls.certificate, tls.private_key, tls.trusted]
    if not any(named):
        return None
    if not all(named):
        raise ConfigurationError(
            "TLS needs three files: set tls.certificate, tls.private_key and tls.trusted."
        )
    return TlsFiles(
        certificate=Path(tls.certificate),
        private_key=Path(tls.private_key),
        trusted=Path(tls.trusted),
        verify_clients=tls.verify_clients,
    )
