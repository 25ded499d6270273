"""Who may call the node: decided by the administered AE titles, asked at every association."""

import socket
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from dicom_node.domain.application_entity import ApplicationEntity, Operation
from dicom_node.domain.callers import require_caller
from dicom_node.network.access import AccessPolicy, AssociationRequest
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.database import make_engine

# A name server that is slow must not be asked at every association.
_KNOWN_SECONDS = 60.0


def database_access(url: str, ae_title: str) -> AccessPolicy:
    """Return the policy of one receiver process; it reads the database at every request.

    So an AE title that is added, changed or removed is so for the next association. An AE title
    that calls from elsewhere than its entry says is refused. The node may always echo itself: that
    is how it shows that it is listening.
    """
    ae_titles = AeTitleStore(make_engine(url))
    hosts = Hosts()

    def permitted(request: AssociationRequest) -> frozenset[Operation] | None:
        entity = ae_titles.find(request.calling_ae)
        if entity is not None:
            require_caller(
                entity.title,
                callers=entity.callers,
                certificates=entity.certificates,
                address=request.peer_address,
                certificate=request.certificate,
                host=_host(entity),
                resolved=hosts.addresses,
            )
            return entity.permitted
        return frozenset({Operation.ECHO}) if request.calling_ae == ae_title else None

    return permitted


class Hosts:
    """The addresses of hosts, asked of the name server once a minute at the most."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._known: dict[str, tuple[float, tuple[str, ...]]] = {}

    def addresses(self, host: str) -> Sequence[str]:
        """Return a host's addresses; none where it is not known, which is asked again each time."""
        until, found = self._known.get(host, (0.0, ()))
        if not found or until < self._monotonic():
            found = _resolved(host)
            self._known[host] = (self._monotonic() + _KNOWN_SECONDS, found)
        return found


def _resolved(host: str) -> tuple[str, ...]:
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(answer[4][0]) for answer in answers))


def _host(entity: ApplicationEntity) -> str:
    return entity.host.strip() or urlsplit(entity.url).hostname or ""
