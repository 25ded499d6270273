"""Where other systems reach the node, as its settings have it."""

from dicom_node.administration.ae_titles import OwnAddress
from dicom_node.configuration.settings import NodeSettings


def own_address(settings: NodeSettings) -> OwnAddress:
    """Return what other systems enter to reach the node: nothing is sent there."""
    return OwnAddress(
        ae_title=settings.network.ae_title,
        port=settings.network.port,
        host=settings.network.host,
        tls_port=settings.tls.port if settings.tls.certificate else None,
        web_port=settings.web.port,
    )
