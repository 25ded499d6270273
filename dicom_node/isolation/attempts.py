"""How often work may kill: counted before each attempt, so that nothing is forgotten by dying."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Concatenate as With
from typing import Generic, ParamSpec, Protocol, TypeVar

from dicom_node.isolation.errors import KILLED, WorkerDiedError, WorkGivenUpError
from dicom_node.isolation.lane import Desk

P = ParamSpec("P")
R = TypeVar("R")
Served_co = TypeVar("Served_co", covariant=True)

MOST_DEATHS = 2
# The node is most often ended by somebody: a study is blamed for it only when it happened in the
# midst of that study again and again.
MOST_BEGUN = 10
_KEPT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What is known of the attempts at one thing, since the last that ended well.

    ``begun`` counts those that were begun, ``deaths`` the workers that were seen to die;
    ``reason`` is what the last of them died of.
    """

    begun: int = 0
    deaths: int = 0
    reason: str = ""

    @property
    def are_spent(self) -> bool:
        """Whether there is no further attempt.

        Two workers were seen to die. Or one, of the work itself, and the node died during another
        attempt; a worker that was killed from outside, as the node was, speaks against nobody. Or
        the node died in the midst of it time and again.
        """
        if self.deaths >= MOST_DEATHS:
            return True
        of_itself = self.deaths > 0 and self.reason != KILLED
        return self.begun >= (MOST_DEATHS if of_itself else MOST_BEGUN)

    @property
    def words(self) -> str:
        """Why there is no further attempt, and what to do."""
        how = f"a worker process {self.reason}" if self.reason else "the node stopped in its midst"
        return (
            f"analysis was begun {self.begun} times and never ended ({how} the last time), so it "
            "is not tried again: check the images; dicom-node retry tries them once more"
        )


class AttemptStore(Protocol):
    """Keeps attempts; `begin` is durable when it returns."""

    def begin(self, subject: str, study_instance_uid: str) -> Attempts:
        """Count one more attempt unless they are spent; return what there was before."""

    def died(self, subject: str, reason: str) -> None:
        """Note that a worker was seen to die of it."""

    def forgive(self, subject: str) -> None:
        """Take the last attempt back: the node was told to stop."""

    def end(self, subject: str) -> None:
        """Forget a subject: an attempt has ended."""


class Runner(Protocol[Served_co]):
    """Runs a desk's methods: `Lanes`, or `Here`."""

    def run(
        self,
        subject: str,
        seconds: float,
        before: Callable[[], None],
        method: Callable[With[Served_co, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Return what the method returned; ``before`` is called when nothing is left to wait for.

        What ``before`` raises comes back, and the method is not called.
        """

    def spare(
        self,
        subject: str,
        seconds: float,
        method: Callable[With[Served_co, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R | None:
        """Return what the method returned; None where nobody has time for it."""


class Here(Generic[Desk]):
    """Runs a desk's methods in this process: for tools, and for studies that one trusts."""

    def __init__(self, make_desk: Callable[[], Desk]) -> None:
        self._make_desk = make_desk
        self._lock = threading.Lock()
        self._desk: Desk | None = None

    def run(
        self,
        subject: str,
        seconds: float,
        before: Callable[[], None],
        method: Callable[With[Desk, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call the method."""
        del subject, seconds
        before()
        with self._lock:
            if self._desk is None:
                self._desk = self._make_desk()
            desk = self._desk
        return method(desk, *args, **kwargs)

    def spare(
        self,
        subject: str,
        seconds: float,
        method: Callable[With[Desk, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R | None:
        """Do nothing: this process has no time to spare."""
        del subject, seconds, method, args, kwargs
        return None


class Counted(Generic[Desk]):
    """Lets no subject kill more than two workers."""

    def __init__(self, runner: Runner[Desk], store: AttemptStore) -> None:
        self._runner = runner
        self._store = store
        # What a worker died of before anybody had asked: that is not tried ahead again.
        self._deadly: deque[str] = deque(maxlen=_KEPT)

    def run(
        self,
        study_instance_uid: str,
        seconds: float,
        method: Callable[With[Desk, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Have a piece of work done for a study, a second time where a worker died of the first.

        Raises
        ------
        WorkGivenUpError
            Workers have died of the study before, or do now.
        NodeError
            What the work itself raised.
        """
        subject = f"analysis {study_instance_uid}"
        while True:
            attempt = _Attempt(self._store, subject, study_instance_uid)
            try:
                value = self._runner.run(subject, seconds, attempt.begin, method, *args, **kwargs)
            except WorkGivenUpError:
                raise
            except WorkerDiedError as death:
                self._store.died(subject, str(death))
            except SystemExit:
                attempt.forgive()
                raise
            except BaseException:
                self._store.end(subject)
                raise
            else:
                self._store.end(subject)
                return value

    def spare(
        self,
        study_instance_uid: str,
        seconds: float,
        method: Callable[With[Desk, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R | None:
        """Have done for a study what may as well not be done; None where it was not.

        It is no attempt, unless a worker dies of it; then nothing is done ahead for the study any
        more, of which each image might kill one.

        Raises
        ------
        NodeError
            What the work itself raised.
        """
        subject = f"analysis {study_instance_uid}"
        if subject in self._deadly:
            return None
        try:
            return self._runner.spare(subject, seconds, method, *args, **kwargs)
        except WorkerDiedError as death:
            self._deadly.append(subject)
            self._store.begin(subject, study_instance_uid)
            self._store.died(subject, str(death))
        except SystemExit:  # the workers are stopped
            return None
        return None


class _Attempt:
    """One attempt: it begins when a worker takes the work, not while the work waits for one."""

    def __init__(self, store: AttemptStore, subject: str, study_instance_uid: str) -> None:
        self._store = store
        self._subject = subject
        self._study = study_instance_uid
        self._begun = False

    def begin(self) -> None:
        before = self._store.begin(self._subject, self._study)
        if before.are_spent:
            raise WorkGivenUpError(before.words)
        self._begun = True

    def forgive(self) -> None:
        if self._begun:
            self._store.forgive(self._subject)


class AttemptsInMemory:
    """Keeps attempts for as long as the process lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Attempts] = {}

    def begin(self, subject: str, study_instance_uid: str) -> Attempts:
        """Count one more attempt unless they are spent; return what there was before."""
        del study_instance_uid
        with self._lock:
            before = self._kept.get(subject, Attempts())
            if not before.are_spent:
                self._kept[subject] = replace(before, begun=before.begun + 1)
            return before

    def died(self, subject: str, reason: str) -> None:
        """Note that a worker was seen to die of it."""
        self._change(subject, lambda one: replace(one, deaths=one.deaths + 1, reason=reason))

    def forgive(self, subject: str) -> None:
        """Take the last attempt back."""
        self._change(subject, lambda one: replace(one, begun=one.begun - 1))

    def end(self, subject: str) -> None:
        """Forget a subject."""
        with self._lock:
            self._kept.pop(subject, None)

    def _change(self, subject: str, change: Callable[[Attempts], Attempts]) -> None:
        with self._lock:
            self._kept[subject] = change(self._kept.get(subject, Attempts()))
