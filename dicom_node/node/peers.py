"""How administered AE titles are called: addresses, TLS and patience, out of the settings."""

import ssl
from datetime import timedelta

from dicom_node.configuration.peer_credentials import Credentials
from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.peer import WebPeer, WebProfile, WebTimeouts, connected
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.delivery import RetryPolicy
from dicom_node.domain.peer_profile import PeerProfile
from dicom_node.errors import ConfigurationError
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.probe import probe
from dicom_node.network.tls import client_context
from dicom_node.node.clock import utc_now
from dicom_node.node.own_address import own_address
from dicom_node.node.part_settings import tls_files
from dicom_node.workflow.patience import Patience

# For the association, and for each answer, of a peer that is asked whether and what it is.
_LOOK_SECONDS = 10.0


def address_of(settings: NodeSettings, entity: ApplicationEntity) -> Destination:
    """Return how an administered AE title is called.

    Raises
    ------
    ConfigurationError
        When it is called by TLS, and the node has no usable certificate; or when it is the node
        itself, by its title or its address, or another one of the same title: what is sent would
        come back for analysis.
    """
    _require_another_title(settings, entity)
    if entity.url:
        raise ConfigurationError(f"AE {entity.title} is reached by DICOMweb alone: {entity.url}")
    if own_address(settings).is_called_by(entity.host, entity.port):
        raise ConfigurationError(
            f"AE {entity.title} is at this node's own address ({entity.host} port {entity.port}), "
            "to which nothing is sent: give the entry the other system's host and port."
        )
    files = tls_files(settings) if entity.tls else None
    if entity.tls and files is None:
        raise ConfigurationError(
            f"AE {entity.title} is called by TLS, but the node has no certificate: set "
            "tls.certificate, tls.private_key and tls.trusted."
        )
    return Destination(
        ae_title=entity.title,
        host=entity.host,
        port=entity.port,
        tls=client_context(files) if files else None,
    )


def web_peer_of(settings: NodeSettings, entity: ApplicationEntity) -> WebPeer:
    """Return how a DICOMweb server is reached, and what opens it.

    Its certificate is checked by the authorities of the system and those of ``tls.trusted``.

    Raises
    ------
    ConfigurationError
        Its credential, or a file of TLS, cannot be used; or it is the node itself, as above.
    """
    _require_another_title(settings, entity)
    if own_address(settings).is_reached_by(entity.url):
        raise ConfigurationError(
            f"AE {entity.title} is at this node's own address ({entity.url}), to which nothing is "
            "sent: give the entry the other system's address."
        )
    credential = Credentials(settings.common_dir).find(entity.title)
    trust: ssl.SSLContext | bool = True
    if entity.url.startswith("https"):
        trust = ssl.create_default_context()
        trust.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a server's own certificate will do
        if trusted := settings.tls.trusted:
            try:
                trust.load_verify_locations(trusted)
            except OSError as error:
                raise ConfigurationError(f"tls.trusted: {trusted} cannot be used.") from error
    return WebPeer(
        title=entity.title,
        url=entity.url,
        authorization=credential.header if credential else "",
        trust=trust,
    )


def _require_another_title(settings: NodeSettings, entity: ApplicationEntity) -> None:
    if entity.title == settings.network.ae_title:
        raise ConfigurationError(
            f"AE {entity.title} is this node itself, to which nothing is sent: give another node "
            "another AE title, and take this one out of the destinations."
        )


def web_timeouts(settings: NodeSettings) -> WebTimeouts:
    """Return how long to wait for DICOMweb servers."""
    return WebTimeouts(
        connection=settings.network.connect_timeout, response=settings.network.response_timeout
    )


def web_profile_of(settings: NodeSettings, entity: ApplicationEntity) -> WebProfile:
    """Find out what a DICOMweb server offers; nothing is stored.

    Raises
    ------
    ConfigurationError
        As for ``web_peer_of``.
    WebPeerError
        It does not answer.
    """
    with connected(web_peer_of(settings, entity), web_timeouts(settings)) as connection:
        return connection.profile()


def profile_of(settings: NodeSettings, entity: ApplicationEntity) -> PeerProfile:
    """Find out what an administered AE title takes and offers; nothing is transferred.

    Raises
    ------
    ConfigurationError
        As for ``address_of``.
    AssociationError
        It cannot be reached, or does not let the node in.
    """
    return probe(
        address_of(settings, entity),
        calling_ae=settings.network.ae_title,
        timeouts=looking_timeouts(settings),
    )


def looking_timeouts(settings: NodeSettings) -> ScuTimeouts:
    """Return how long to wait for a peer that somebody looks at, who waits as well."""
    return ScuTimeouts(
        connection=min(settings.network.connect_timeout, _LOOK_SECONDS),
        acse=_LOOK_SECONDS,
        dimse=min(settings.network.response_timeout, _LOOK_SECONDS),
        network=min(settings.network.response_timeout, _LOOK_SECONDS),
    )


def scu_timeouts(settings: NodeSettings) -> ScuTimeouts:
    """Return how long to wait for destinations."""
    return ScuTimeouts(
        connection=settings.network.connect_timeout,
        dimse=settings.network.response_timeout,
        network=settings.network.response_timeout,
    )


def retry_policy(settings: NodeSettings) -> RetryPolicy:
    """Return how often others that are away are tried, and for how long."""
    workflow = settings.workflow
    return RetryPolicy(
        first_delay=timedelta(seconds=workflow.first_retry_delay),
        longest_delay=timedelta(seconds=workflow.longest_retry_delay),
        give_up_after=timedelta(seconds=workflow.give_up_after),
    )


def patience(settings: NodeSettings) -> Patience:
    """Return when what could not be told or fetched is tried again."""
    return Patience(policy=retry_policy(settings), clock=utc_now)
