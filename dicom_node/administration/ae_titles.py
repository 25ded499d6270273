"""AE titles: who may call the node, and who gets its results."""

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit

from pydantic import TypeAdapter

from dicom_node.administration.entries import read_entry
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.errors import InvalidFieldsError

_IPV4, _ANY_PORT = 4, 9
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AE_TITLE_ENTRY: TypeAdapter[ApplicationEntity] = TypeAdapter(ApplicationEntity)
_LONGEST = {"host": 255, "description": 255}
# As a name is looked up: labels of at most 63 characters (RFC 1035 2.3.4); it may end with a dot.
_HOST_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_LOCAL = "localhost"
NO_HOST = "this is no host name and no IP address: write pacs.example.org, 10.0.0.5 or fd00::5."


class AeTitleBook(Protocol):
    """The administered AE titles."""

    def all(self) -> tuple[ApplicationEntity, ...]:
        """Return every entry, by title."""

    def get(self, title: str) -> ApplicationEntity:
        """Return the entry of a title."""

    def add(self, entity: ApplicationEntity, *, actor: str, at: datetime) -> None:
        """Add an entry whose title is new."""

    def replace(self, entity: ApplicationEntity, *, version: str, actor: str, at: datetime) -> None:
        """Replace an entry of which ``version`` was seen."""

    def remove(self, title: str, *, actor: str, at: datetime, version: str = "") -> None:
        """Remove an entry; with a ``version``, only that one."""


class Secrets(Protocol):
    """What the node signs in with at others, by AE title; nobody reads it here."""

    def keep(self, title: str, *, user: str, secret: str) -> None:
        """Keep a credential in the place of an earlier one; refuse one that cannot be used."""

    def forget(self, title: str) -> bool:
        """Forget a credential; return whether there was one."""

    def has(self, title: str) -> bool:
        """Whether there is one."""


class Trail(Protocol):
    """The audit trail, for acts that change no row."""

    def note(self, action: str, subject: str, detail: Any, *, actor: str, at: datetime) -> None:
        """Write that something was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAddress:
    """What other systems enter to reach the node; ``tls_port`` where it receives by TLS.

    ``host`` is what it listens on: one address of the machine, or all of them.
    """

    ae_title: str
    port: int
    host: str = "0.0.0.0"  # noqa: S104 - what is listened on, as in the settings
    tls_port: int | None = None
    web_port: int | None = None

    def is_reached_by(self, url: str) -> bool:
        """Whether an address is that of the node's own pages."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return port == self.web_port and _is_here(parts.hostname or "")

    def is_called_by(self, host: str, port: int) -> bool:
        """Whether an association to an address would come to the node itself."""
        at_port = port in (self.port, self.tls_port)
        return at_port and _is_here(host.lower()) and self._listens_at(host)

    def _listens_at(self, host: str) -> bool:
        """Whether the node, and no other one of this machine, listens at one of its addresses."""
        own, other = _address(self.host), _address(host)
        if own is not None and host.lower().rstrip(".") == _LOCAL:
            return own.is_loopback or own.is_unspecified
        if own is None or other is None:  # a name: of which address is not asked
            return True
        return own == other or own.is_unspecified or other.is_unspecified


def _is_here(host: str) -> bool:
    """Whether a host is this one: by its name, or by any of its addresses."""
    if host.rstrip(".") in (_LOCAL, socket.gethostname().lower()):
        return True
    address = _address(host)
    if address is None:  # a name: nobody waits for a name server here
        return False
    return address.is_loopback or address.is_unspecified or _is_own(address)


def _address(host: str) -> _Address | None:
    """Return the address that a host is entered by; None where that is a name."""
    try:
        address = ipaddress.ip_address(host.strip("[]").rstrip("."))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address


def _is_host_name(text: str) -> bool:
    """Whether a text can be looked up as a name: of any alphabet, as it is encoded for that."""
    try:
        encoded = text.encode("idna").decode("ascii")
    except UnicodeError:  # an empty label, or one that is too long when it is encoded
        return False
    return _HOST_NAME.fullmatch(encoded) is not None


def _is_host(text: str) -> bool:
    host = text.strip()
    return _is_host_name(host) or _address(host) is not None


def _is_own(address: _Address) -> bool:
    """Whether a network interface has an address: nothing else is reached from itself."""
    family = socket.AF_INET if address.version == _IPV4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as unsent:  # connecting it sends nothing
            unsent.connect((str(address), _ANY_PORT))
            return ipaddress.ip_address(unsent.getsockname()[0]) == address
    except OSError:  # no way leads there
        return False


class AeTitles:
    """Administers AE titles; a running node uses changes from the next association on."""

    def __init__(
        self,
        book: AeTitleBook,
        *,
        own: OwnAddress,
        call: Callable[[ApplicationEntity], float],
        clock: Callable[[], datetime],
        secrets: Secrets,
        trail: Trail,
    ) -> None:
        """Keep the parts; ``call`` sends a C-ECHO and returns after how many seconds it came."""
        self.own = own
        self._book = book
        self._call = call
        self._clock = clock
        self._secrets = secrets
        self._trail = trail

    def all(self) -> tuple[ApplicationEntity, ...]:
        """Return every entry, by title."""
        return self._book.all()

    def get(self, title: str) -> ApplicationEntity:
        """Return the entry of a title.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        return self._book.get(title)

    def read(self, values: Mapping[str, Any]) -> ApplicationEntity:
        """Return the entry that is described.

        Raises
        ------
        InvalidFieldsError
            When fields cannot be used; it says of each why.
        """
        subject = f"AE {values.get('title', '')}"
        try:
            return read_entry(AE_TITLE_ENTRY, values, subject)
        except InvalidFieldsError as error:  # nobody is to send a form again for each field
            host = str(values.get("host", ""))
            wrong = {"host": NO_HOST} if host and not _is_host(host) else {}
            raise InvalidFieldsError(subject, {**wrong, **error.fields}) from error

    def add(self, entity: ApplicationEntity, *, actor: str) -> None:
        """Add an entry.

        Raises
        ------
        ConflictError
            When its title is administered already.
        InvalidFieldsError
            When it would send the node its own results, or cannot be kept.
        """
        self._check(entity)
        self._book.add(entity, actor=actor, at=self._clock())

    def change(self, entity: ApplicationEntity, *, version: str, actor: str) -> None:
        """Replace the entry of the title of ``entity``, of which ``version`` was seen.

        Raises
        ------
        NotFoundError
            When there is none.
        StaleEntryError
            When somebody else has changed it since.
        InvalidFieldsError
            When it would send the node its own results, or cannot be kept.
        """
        self._check(entity)
        before = self._book.get(entity.title)
        if (before.host, _origin(before.url)) != (entity.host, _origin(entity.url)):
            # What opens one server is told to no other.
            self._forget(entity.title, actor=actor)
        self._book.replace(entity, version=version, actor=actor, at=self._clock())

    def remove(self, title: str, *, actor: str, version: str = "") -> None:
        """Remove an entry; it is refused from its next association on.

        Raises
        ------
        NotFoundError
            When there is none.
        StaleEntryError
            When somebody else has changed it since ``version``.
        """
        self._book.remove(title, actor=actor, at=self._clock(), version=version)
        self._forget(title, actor=actor)

    def keep_credential(self, title: str, *, user: str, secret: str, actor: str) -> None:
        """Keep what opens a peer's HTTP side; the audit trail names the user alone.

        Raises
        ------
        NotFoundError
            There is no such entry.
        ConfigurationError
            The credential cannot be used; it is never quoted.
        """
        entity = self._book.get(title)
        self._secrets.keep(entity.title, user=user, secret=secret)
        self._trail.note(
            "ae credential", entity.title, {"user": user}, actor=actor, at=self._clock()
        )

    def forget_credential(self, title: str, *, actor: str) -> bool:
        """Forget what opens a peer's HTTP side; return whether there was anything.

        Raises
        ------
        NotFoundError
            There is no such entry.
        """
        return self._forget(self._book.get(title).title, actor=actor)

    def has_credential(self, title: str) -> bool:
        """Whether there is something that opens a peer's HTTP side."""
        return self._secrets.has(title)

    def _forget(self, title: str, *, actor: str) -> bool:
        was_there = self._secrets.forget(title)
        if was_there:
            self._trail.note("ae credential", title, {}, actor=actor, at=self._clock())
        return was_there

    def unknown_destinations(self, entity: ApplicationEntity) -> tuple[str, ...]:
        """Return where results of an entry are to go that nobody administers, as by a typing error.

        They may be added later, so that this is no reason to refuse the entry.
        """
        return entity.unknown_destinations({each.title for each in self._book.all()})

    def echo(self, title: str) -> float:
        """Send a C-ECHO; return after how many seconds the answer came.

        Raises
        ------
        NodeError
            When there is no such entry, or no answer; it says why.
        """
        return self._call(self._book.get(title))

    def _check(self, entity: ApplicationEntity) -> None:
        wrong = {
            name: f"this is longer than {longest} characters."
            for name, longest in _LONGEST.items()
            if len(getattr(entity, name)) > longest
        }
        if entity.host.strip() and "host" not in wrong and not _is_host(entity.host):
            wrong["host"] = NO_HOST
        if self.own.ae_title in entity.destinations:
            wrong["destinations"] = (
                f"{self.own.ae_title} is this node: results would come back for analysis."
            )
        elif here := self._destinations_here(entity):
            wrong["destinations"] = (
                f"{', '.join(here)} is at this node's own address: results would come back to it."
            )
        if entity.title == self.own.ae_title and self._gets_results(entity):
            # Of two nodes of one title, neither sends to the other: see dicom_node.node.peers.
            wrong["title"] = "this is the node itself: results would come back for analysis."
        if entity.url and self.own.is_reached_by(entity.url):
            wrong["url"] = "this is the node itself: results would come back for analysis."
        if self._gets_results(entity) and self.own.is_called_by(entity.host, entity.port):
            wrong["port"] = "this is the node itself: results would come back for analysis."
        if wrong:
            raise InvalidFieldsError(f"AE {entity.title}", wrong)

    def is_node(self, title: str) -> bool:
        """Whether what is sent to a title would come back to the node."""
        known = {each.title: each for each in self._book.all()}
        return title == self.own.ae_title or (title in known and self._is_here(known[title]))

    def _destinations_here(self, entity: ApplicationEntity) -> list[str]:
        """Return those destinations of an entry at whose address the node itself answers."""
        others = (each for each in self._book.all() if each.title != entity.title)
        here = {each.title for each in (entity, *others) if self._is_here(each)}
        return [title for title in entity.destinations if title in here]

    def _is_here(self, entity: ApplicationEntity) -> bool:
        return not entity.url and self.own.is_called_by(entity.host, entity.port)

    def _gets_results(self, entity: ApplicationEntity) -> bool:
        """Whether results go to an entry by its role, or because another one names it."""
        others = (each for each in self._book.all() if each.title != entity.title)
        named = any(entity.title in each.destinations for each in others)
        return Role.PACS in entity.roles or (named and not entity.url)


def _origin(url: str) -> tuple[str, str]:
    """Return scheme, host and port of an address, which a credential is for."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
