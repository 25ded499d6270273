"""How fast destinations take what they are sent, and which of them are near.

To compress an overlay of 3.3 MB to 0.85 takes a core some 35 ms, and the 2.4 MB that are spared
travel a link of a gigabit in 20. Where they do, compressing is what takes longest of a delivery.
"""

import ipaddress
import time
from collections import deque
from collections.abc import Callable

# Of objects that are smaller, the peer's own time for each says more than the way there.
_TELLING_BYTES = 1_000_000
# Bytes a second, the peer's own work included: a link of a gigabit has three times as many, one of
# a hundred megabits a third.
_LEAST_RATE = 40e6
# So many in a row were slow: fewer may have met a busy machine.
_IN_A_ROW = 8
# For so many seconds a slow destination is not tried again.
_SLOW_SECONDS = 86_400.0


class Pace:
    """Whether one destination is near: its address is of this network, and it takes objects fast.

    One of this network counts as near until objects have shown that it is not, and this host always
    does: what takes time there is no way. Used by one thread at a time.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._address = ""
        self._rates: deque[float] = deque(maxlen=_IN_A_ROW)
        self._slow_until: float | None = None

    def reached(self, address: str) -> None:
        """Take note of the address at which it was reached; at another one all is new."""
        if address != self._address:
            self._address = address
            self._slow_until = None
            self._rates.clear()

    def took(self, size: int, seconds: float) -> None:
        """Take note that it took an object of ``size`` bytes, its answer included."""
        if size < _TELLING_BYTES:
            return
        self._rates.append(size / max(seconds, 1e-9))
        if len(self._rates) == _IN_A_ROW and max(self._rates) < _LEAST_RATE:
            self._slow_until = self._monotonic() + _SLOW_SECONDS
            self._rates.clear()

    @property
    def is_near(self) -> bool:
        """Whether what would have to be compressed first is there sooner as it is."""
        found = _parsed(self._address)
        if found is None or not found.is_private:
            return False
        is_slow = self._slow_until is not None and self._monotonic() < self._slow_until
        return found.is_loopback or not is_slow


def is_of_this_network(address: str) -> bool:
    """Whether an IP address is this host's, or one that no route of the Internet leads to.

    RFC 1918 and 4193 name those that are private to a site, RFC 3927 and 4291 those of one link.
    """
    found = _parsed(address)
    return found is not None and found.is_private


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return an IP address; None where a text is none. One of IPv4 in one of IPv6 is the former."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
