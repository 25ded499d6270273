"""Work on arrival: an image is looked at when it is stored, not when its study is complete.

Nothing is said or recorded of it. A worker that has nothing else to do reads the image and runs the
model that the tags ask for; when the study is complete and the same is wanted, it is there. What
does not come true, or found no free worker, costs nobody a wait.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ai_engine.prediction import ModelIdentity
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import Route, is_radiograph
from dicom_node.errors import NodeError

_LOG = logging.getLogger(__name__)
# Of more that came at once, the last ones are looked at: the others' turn will have come.
_MOST_WAITING = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class AheadParts:
    """``look`` has a worker look at an image, if one is free, for a model that may be asked."""

    routes: Callable[[], tuple[Route, ...]]
    identity: Callable[[str], ModelIdentity]
    look: Callable[[ModelIdentity, ReceivedInstance], None]


class Ahead:
    """Has images looked at as they come, in a thread of its own, between ``start`` and ``stop``."""

    def __init__(self, parts: AheadParts) -> None:
        self._parts = parts
        self._waiting: deque[ReceivedInstance] = deque(maxlen=_MOST_WAITING)
        self._changed = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._work, name="ahead", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Begin nothing more; what is being looked at ends with its worker."""
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def arrived(self, instances: Sequence[ReceivedInstance]) -> None:
        """Take note of images that were stored; return at once."""
        wanted = [each for each in instances if is_radiograph(each) and not each.conflict]
        if wanted:
            with self._changed:
                self._waiting.extend(wanted)
                self._changed.notify_all()

    def _work(self) -> None:
        while (instance := self._next()) is not None:
            try:
                self._look(instance)
            except Exception:  # noqa: BLE001  # what is only ahead of its time must stop nothing
                _LOG.exception("not looked at ahead sop=%s", instance.sop_instance_uid)

    def _next(self) -> ReceivedInstance | None:
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._waiting)
            return None if self._over else self._waiting.popleft()

    def _look(self, instance: ReceivedInstance) -> None:
        wanted = (each.model for each in self._parts.routes() if each.matches(instance))
        model = next(wanted, None)
        if model is None:
            return
        try:
            self._parts.look(self._parts.identity(model), instance)
        except NodeError as error:  # said of the job, if there will be one
            _LOG.debug("not looked at ahead reason=%r", str(error))
