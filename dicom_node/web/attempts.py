"""How often a sign-in may fail before it is refused unseen."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

_WINDOW = timedelta(minutes=15)
# One person at one place; one name from anywhere; one place for any name.
_FROM_ONE_PLACE, _FOR_ONE_NAME, _FOR_ONE_PLACE = 5, 30, 50
_MOST_KEYS = 10_000


class SignInAttempts:
    """Counts failed sign-ins within a moving window; safe to use from several threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], deque[datetime]] = {}
        self._lock = threading.Lock()

    def wait(self, name: str, address: str) -> timedelta:
        """Return how long the next try has to wait; zero when it may be made now."""
        now = self._clock()
        with self._lock:
            return max(
                (self._until(key, limit, now) - now for key, limit in _limits(name, address)),
                default=timedelta(),
            )

    def failed(self, name: str, address: str) -> None:
        """Count a failure."""
        now = self._clock()
        with self._lock:
            if len(self._failures) > _MOST_KEYS:
                self._forget_old(now)
            for key, limit in _limits(name, address):
                self._failures.setdefault(key, deque(maxlen=limit)).append(now)

    def succeeded(self, name: str, address: str) -> None:
        """Forget this person's failures at this place."""
        with self._lock:
            self._failures.pop((name, address), None)

    def _until(self, key: tuple[str, str], limit: int, now: datetime) -> datetime:
        failures = self._failures.get(key, ())
        recent = [each for each in failures if now - each < _WINDOW]
        return recent[-limit] + _WINDOW if len(recent) >= limit else now

    def _forget_old(self, now: datetime) -> None:
        self._failures = {
            key: failures
            for key, failures in self._failures.items()
            if now - failures[-1] < _WINDOW
        }


def _limits(name: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return (
        ((name, address), _FROM_ONE_PLACE),
        ((name, ""), _FOR_ONE_NAME),
        (("", address), _FOR_ONE_PLACE),
    )
