"""Fetching priors beside everything else: one thread, which a study that arrives wakes."""

import logging
import threading
import time
from collections.abc import Callable, Collection

from dicom_node.domain.prior import SearchState
from dicom_node.workflow.ports import Clock
from dicom_node.workflow.priors.ports import PriorLedger
from dicom_node.workflow.priors.searching import PriorSearching

_LOG = logging.getLogger(__name__)
_ANOTHER_LOOK = 0.25
_BROKEN_OFF = 5.0  # seconds of a pause after what nobody expected
# Studies of which it is known that their priors were asked for: a CT comes in hundreds of images.
_REMEMBERED = 10_000


class PriorFetching:
    """Searches for the priors of what arrives, between ``start`` and ``stop``."""

    def __init__(
        self,
        searching: PriorSearching,
        ledger: PriorLedger,
        *,
        archive: str,
        look_every: float,
        clock: Clock,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        """Look every so many seconds for what was postponed, or wanted by somebody else.

        Of several hosts the one looks that ``leads``.
        """
        self._leads = leads
        self._searching = searching
        self._ledger = ledger
        self._archive = archive
        self._look_every = look_every
        self._clock = clock
        self._bell, self._over = threading.Event(), threading.Event()
        self._progress = threading.Condition()
        self._asked: dict[str, None] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with what was left undone."""
        self._over.clear()
        self._thread = threading.Thread(target=self._work, name="priors", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the search that is under way, or leave that to the next start."""
        self._over.set()
        self._bell.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def want(self, studies: Collection[str]) -> None:
        """Have the priors of studies searched for, each once."""
        fresh = [each for each in studies if each not in self._asked]
        if not fresh:
            return
        self._ledger.want(fresh, self._archive, at=self._clock())
        self._asked |= dict.fromkeys(fresh)
        while len(self._asked) > _REMEMBERED:
            self._asked.pop(next(iter(self._asked)))
        self._bell.set()

    def wait_for(self, study_instance_uid: str, patience: float) -> bool:
        """Wait until a study's priors were searched for, at most ``patience`` seconds.

        Return whether the search is over.
        """
        deadline = time.monotonic() + patience
        with self._progress:
            while not self._is_over(study_instance_uid):
                left = deadline - time.monotonic()
                if left <= 0 or self._over.is_set():
                    return False
                # Another host may be the one that searches, and rings nobody's bell here.
                self._progress.wait(min(left, _ANOTHER_LOOK))
        return True

    def _is_over(self, study_instance_uid: str) -> bool:
        search = self._ledger.search(study_instance_uid)
        return search is None or search.state is not SearchState.WAITING or search.tries > 0

    def _work(self) -> None:
        while not self._over.is_set():
            self._bell.clear()
            pause = self._round() if self._leads() else None
            with self._progress:
                self._progress.notify_all()
            if pause is None:
                self._bell.wait(self._look_every)
            else:
                self._over.wait(pause)

    def _round(self) -> float | None:
        try:
            return self._searching.round()
        except Exception:  # noqa: BLE001  # nothing may end the search for priors
            # Most likely the database is away, and comes back.
            _LOG.exception("a search for priors broke off; it is begun again")
            return _BROKEN_OFF
