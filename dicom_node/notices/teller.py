"""Tells every channel what is new, and what is well again: at most one message a look for each."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dicom_node.domain.notice import Channel, Matter, News, QuietHours, Told
from dicom_node.errors import NodeError
from dicom_node.notices.errors import NoticeError, ToldAwayError
from dicom_node.notices.message import Message, message_of
from dicom_node.notices.news import Settled, news_for

_LOG = logging.getLogger(__name__)
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)
FINDINGS_KEPT = timedelta(days=4)
"""For so long it is known that a finding was told; longer than findings are looked for."""


class ToldBook(Protocol):
    """What each channel was told; each raises a ToldAwayError while it cannot be reached."""

    def of(self, channel: str) -> Mapping[str, Told]:
        """Return what a channel was told, by the matter's key."""

    def note(self, channel: str, news: News, *, at: datetime) -> None:
        """Note that a channel has taken news."""

    def forget(self, *, findings_before: datetime, channels: Iterable[str]) -> None:
        """Forget findings that were told before a moment, and channels other than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What the node is called in notices, where its pages are, and when it is quiet."""

    node: str
    address: str = ""
    quiet_hours: QuietHours | None = None


@dataclass(slots=True)
class Trouble:
    """A channel that did not take a notice: why, how often, and when it is tried again."""

    reason: str
    since: datetime
    tries: int
    again_at: datetime


class Teller:
    """Looks at what stands, and tells it.

    What was told is noted after a channel has taken it: a node that dies in between tells it once
    more, and never loses it.
    """

    def __init__(
        self,
        *,
        channels: Callable[[], Sequence[Channel]],
        matters: Callable[[], Sequence[Matter]],
        told: ToldBook,
        send: Callable[[str, Message], None],
        style: Style,
        settle: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._channels = channels
        self._matters = matters
        self._told = told
        self._send = send
        self._style = style
        self._settled = Settled(settle)
        self._clock = clock
        self._troubles: dict[str, Trouble] = {}
        # While the database is away: what was read of it last, and what it is still to be told.
        self._known: dict[str, dict[str, Told]] = {}
        self._unnoted: list[tuple[str, News, datetime]] = []

    @property
    def troubles(self) -> Mapping[str, Trouble]:
        """The channels that did not take their last notice, by name."""
        return dict(self._troubles)

    def look(self) -> int:
        """Tell what is to be told; return how many messages went out."""
        now = self._clock()
        try:
            channels = self._channels()
        except NodeError as error:
            _LOG.error("nobody is told of anything reason=%r", str(error))
            return 0
        names = [each.name for each in channels]
        self._troubles = {name: each for name, each in self._troubles.items() if name in names}
        told = self._told_to(names)
        known = {key for each in told.values() for key in each}
        standing = self._settled.stand(self._matters(), now, known=known)
        sent = sum(self._tell(each, standing, told[each.name], now) for each in channels)
        with suppress(ToldAwayError):
            self._told.forget(findings_before=now - FINDINGS_KEPT, channels=names)
        return sent

    def _told_to(self, names: Sequence[str]) -> dict[str, dict[str, Told]]:
        """Return what each channel was told, by the database or, while it is away, by memory."""
        with suppress(ToldAwayError):
            while self._unnoted:
                channel, news, at = self._unnoted[0]
                self._told.note(channel, news, at=at)
                del self._unnoted[0]
            self._known = {name: dict(self._told.of(name)) for name in names}
        return {name: self._known.get(name, {}) for name in names}

    def _note(self, channel: str, news: News, at: datetime) -> None:
        known = self._known.setdefault(channel, {})
        for each in news.over:
            known.pop(each.key, None)
        for matter in news.matters:
            known[matter.key] = Told(
                key=matter.key, fingerprint=matter.fingerprint, words=matter.words, at=at
            )
        try:
            self._told.note(channel, news, at=at)
        except ToldAwayError:
            self._unnoted.append((channel, news, at))

    def _tell(
        self, channel: Channel, standing: Sequence[Matter], told: Mapping[str, Told], now: datetime
    ) -> bool:
        trouble = self._troubles.get(channel.name)
        if trouble is not None and now < trouble.again_at:
            return False
        news = news_for(channel, standing, told, quiet=self._is_quiet(now))
        if not news:
            return False
        message = message_of(news, node=self._style.node, address=self._style.address)
        try:
            self._send(channel.url, message)
        except NoticeError as error:
            self._note_trouble(channel, str(error), now)
            return False
        self._note(channel.name, news, now)
        self._troubles.pop(channel.name, None)
        _LOG.info("told channel=%s new=%d over=%d", channel.name, len(news.matters), len(news.over))
        return True

    def _is_quiet(self, now: datetime) -> bool:
        hours = self._style.quiet_hours
        return hours is not None and hours.hold(now.astimezone().time())

    def _note_trouble(self, channel: Channel, reason: str, now: datetime) -> None:
        before = self._troubles.get(channel.name)
        tries = before.tries + 1 if before else 1
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(tries - 1, 10))
        self._troubles[channel.name] = Trouble(
            reason, since=before.since if before else now, tries=tries, again_at=now + wait
        )
        _LOG.warning("not told channel=%s tries=%d reason=%r", channel.name, tries, reason)
