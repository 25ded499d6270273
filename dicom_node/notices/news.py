"""What a channel is to be told: the difference between what stands and what it was told."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from dicom_node.domain.notice import Channel, Matter, News, Told, Weight


def news_for(
    channel: Channel, matters: Iterable[Matter], told: Mapping[str, Told], *, quiet: bool
) -> News:
    """Return what is new, changed or over for a channel; in quiet hours what weighs most."""
    standing = {each.key: each for each in matters if each.weight in channel.weights}
    changed = (
        each
        for each in standing.values()
        if each.key not in told or told[each.key].fingerprint != each.fingerprint
    )
    over = (each for key, each in told.items() if key not in standing and not is_finding(each))
    return News(
        matters=tuple(each for each in changed if not (quiet and each.weight.waits)),
        over=tuple(each for each in over if not (quiet and _waited(each))),
    )


def is_finding(told: Told) -> bool:
    """Whether what was told is a finding, which is never over."""
    return told.fingerprint.startswith(f"{Weight.FINDING}|")


def _waited(told: Told) -> bool:
    return told.fingerprint.startswith(f"{Weight.DEGRADED}|")


class Settled:
    """Holds back what has only just begun or ended: what flickers is told once, or not at all."""

    def __init__(self, period: timedelta) -> None:
        self._period = period
        self._seen: dict[str, tuple[Matter, datetime]] = {}
        self._gone: dict[str, tuple[Matter, datetime]] = {}
        self._standing: dict[str, Matter] = {}

    def stand(
        self, matters: Iterable[Matter], now: datetime, *, known: Iterable[str] = ()
    ) -> tuple[Matter, ...]:
        """Return what has stood for the period, and what has not yet been gone for as long.

        Findings stand at once. ``known`` are keys that were told of before this process began:
        where they stand still they do so at once.
        """
        found = {each.key: each for each in matters}
        for key, each in found.items():
            since = self._seen.get(key, (each, now))[1]
            self._seen[key] = (each, since)
            self._gone.pop(key, None)
            at_once = not each.ends or key in self._standing or key in known
            if at_once or now - since >= self._period:
                self._standing[key] = each
        for key in [key for key in self._seen if key not in found]:
            last, _ = self._seen.pop(key)
            if key in self._standing:
                self._gone[key] = (last, now)
        for key in [key for key, (_, at) in self._gone.items() if now - at >= self._period]:
            del self._gone[key]
            self._standing.pop(key, None)
        return tuple(self._standing.values())
