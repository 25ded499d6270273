"""The circuit breaker of a destination: while it is away, only a probe goes there now and then."""

from dataclasses import dataclass, replace

from dicom_node.domain.delivery import RetryPolicy

# One delivery that a destination does not take says nothing of the others; several in a row do.
_REFUSALS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """How a destination has answered of late, and until when it is left alone.

    ``troubles`` counts what has gone wrong since it took something last, and ``open_until`` is a
    moment of the monotonic clock, in seconds; ``is_down`` says that more than one delivery suffers.
    """

    policy: RetryPolicy
    troubles: int = 0
    open_until: float | None = None
    is_down: bool = False

    @property
    def is_open(self) -> bool:
        """Whether nothing but a probe may go to the destination."""
        return self.open_until is not None

    def remaining(self, now: float) -> float:
        """Return for how many seconds not even a probe goes there."""
        return 0.0 if self.open_until is None else max(0.0, self.open_until - now)

    def away(self, now: float, chance: float) -> "Circuit":
        """Return the circuit after no association could be had."""
        return self._opened(now, chance, grace=0)

    def lost(self, now: float, chance: float) -> "Circuit":
        """Return the circuit after an association was lost in the midst of a delivery.

        The destination may be gone, or break off at one object only: a probe at once tells.
        """
        if self.troubles == 0:
            return replace(self, troubles=1, open_until=now)
        return self._opened(now, chance, grace=1)

    def refused(self, now: float, chance: float) -> "Circuit":
        """Return the circuit after a delivery that the destination did not take for now."""
        if self.troubles + 1 < _REFUSALS:
            return replace(self, troubles=self.troubles + 1)
        return self._opened(now, chance, grace=_REFUSALS - 1)

    def answered(self) -> "Circuit":
        """Return the circuit after a probe was answered: one delivery shows how things stand."""
        return replace(self, open_until=None)

    def worked(self) -> "Circuit":
        """Return the circuit after a delivery that the destination took."""
        return Circuit(policy=self.policy)

    def _opened(self, now: float, chance: float, *, grace: int) -> "Circuit":
        troubles = self.troubles + 1
        wait = self.policy.delay(max(1, troubles - grace), chance).total_seconds()
        return replace(self, troubles=troubles, open_until=now + wait, is_down=True)
