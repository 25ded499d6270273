"""Channels of notices: who is told, and whether it reaches them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from dicom_node.domain.notice import Channel, Told, Weight
from dicom_node.errors import InvalidFieldsError


class ChannelBook(Protocol):
    """The channels."""

    def all(self) -> tuple[Channel, ...]:
        """Return every channel."""

    def get(self, name: str) -> Channel:
        """Return one channel."""

    def add(self, channel: Channel) -> None:
        """Keep one more."""

    def remove(self, name: str) -> Channel:
        """Forget one; return which it was."""


class Trail(Protocol):
    """Who changed what."""

    def note(self, action: str, subject: str, detail: Any, *, actor: str, at: datetime) -> None:
        """Write that something was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownChannel:
    """A channel without its address: what it leads to, what it was told last, what went wrong."""

    name: str
    leads_to: str
    weights: tuple[Weight, ...]
    standing: int
    last_told: datetime | None
    trouble: str


class Notifications:
    """Adds, removes and tries channels."""

    def __init__(
        self,
        book: ChannelBook,
        *,
        told: Callable[[str], Mapping[str, Told]],
        troubles: Callable[[], Mapping[str, str]],
        check: Callable[[str], str],
        try_out: Callable[[Channel], None],
        trail: Trail,
        clock: Callable[[], datetime],
        quiet_hours: str = "",
        urgent: tuple[str, ...] = (),
        address: str = "",
    ) -> None:
        """Take the channels' book, and what knows more of them.

        ``check`` says where an address leads without showing it, ``try_out`` sends a test, and the
        last three are settings that the page shows.
        """
        self._book = book
        self._told = told
        self._troubles = troubles
        self._check = check
        self._try_out = try_out
        self._trail = trail
        self._clock = clock
        self.quiet_hours = quiet_hours
        self.urgent = urgent
        self.address = address

    def all(self) -> tuple[ShownChannel, ...]:
        """Return every channel as it may be shown."""
        troubles = self._troubles()
        return tuple(self._shown(each, troubles.get(each.name, "")) for each in self._book.all())

    def add(self, name: str, url: str, weights: frozenset[Weight], *, actor: str) -> ShownChannel:
        """Keep one more channel.

        Raises
        ------
        InvalidFieldsError
            When a field cannot be used, or no service takes the address; it is never shown.
        ConflictError
            When there is a channel of that name.
        """
        channel = Channel(name=name.strip(), url=url.strip(), weights=weights)
        leads_to = self._check(channel.url)
        self._book.add(channel)
        detail = {"leads_to": leads_to, "weights": sorted(weights)}
        self._trail.note("channel add", channel.name, detail, actor=actor, at=self._clock())
        return self._shown(channel, "")

    def remove(self, name: str, *, actor: str) -> None:
        """Forget a channel.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        self._book.remove(name)
        self._trail.note("channel remove", name, {}, actor=actor, at=self._clock())

    def test(self, name: str, *, actor: str) -> None:
        """Send a test over a channel.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        NodeError
            When it was not taken; the message says why.
        """
        channel = self._book.get(name)
        self._try_out(channel)
        self._trail.note("channel test", name, {}, actor=actor, at=self._clock())

    def _shown(self, channel: Channel, trouble: str) -> ShownChannel:
        told = self._told(channel.name)
        return ShownChannel(
            name=channel.name,
            leads_to=self._leads_to(channel),
            weights=tuple(each for each in Weight if each in channel.weights),
            standing=len(told),
            last_told=max((each.at for each in told.values()), default=None),
            trouble=trouble,
        )

    def _leads_to(self, channel: Channel) -> str:
        try:
            return self._check(channel.url)
        except InvalidFieldsError:
            return f"{channel.service}, which this version does not know"
