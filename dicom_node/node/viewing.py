"""What pages and DICOMweb show is decoded by a worker: one bad image costs one request."""

import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Concatenate as With
from typing import ParamSpec, TypeVar

from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.decoding import UNDECODABLE, DecodesHere
from dicom_node.dicomweb.errors import DicomWebError, NotAcceptableError, NotNowError
from dicom_node.dicomweb.rendered import Rendering
from dicom_node.isolation.errors import (
    NoWorkerError,
    WorkerDiedError,
    WorkFailedError,
    WorkRefusedError,
)
from dicom_node.isolation.lane import LaneSetup
from dicom_node.isolation.lanes import Lanes
from dicom_node.isolation.worker import Limits
from dicom_node.node.analyst import TOOLS
from dicom_node.telemetry import configure_logging

P = ParamSpec("P")
R = TypeVar("R")

_SECONDS = 30.0
# For the request before, and for a worker that is being started on a busy machine.
_PATIENCE = 60.0
_NO_WORKER = (
    "images cannot be decoded for now: the process for it is busy, or does not start (see the log)"
)
_TOOLS = (TOOLS, "dicom_node.dicomweb.decoding")


class Viewer:
    """What the worker does; a refusal comes back as a value, so that its kind is not lost."""

    def __init__(self) -> None:
        self._decoder = DecodesHere()

    def ready(self) -> None:
        """Say that the process runs."""

    def native_frames(self, path: Path, numbers: Sequence[int]) -> list[bytes] | DicomWebError:
        """Return native pixels (`Decoder.native_frames`)."""
        return _told(self._decoder.native_frames, path, numbers)

    def rendered(
        self, path: Path, number: int, media_type: str, rendering: Rendering
    ) -> bytes | DicomWebError:
        """Return a picture (`Decoder.rendered`)."""
        return _told(self._decoder.rendered, path, number, media_type, rendering)

    def explicit_little(self, path: Path) -> bytes | DicomWebError:
        """Return a decoded object (`Decoder.explicit_little`)."""
        return _told(self._decoder.explicit_little, path)


class Viewing:
    """Has a worker decode what is shown (`Decoder`); it is begun when the first image is asked for.

    Requests wait for each other: what takes longer than half a minute ends the worker, is refused,
    and the next one begins another. Whoever has waited for a minute in vain is asked to come again.
    """

    def __init__(
        self, settings: NodeSettings, *, seconds: float = _SECONDS, patience: float = _PATIENCE
    ) -> None:
        """Prepare; ``seconds`` is what one request may take once it has waited its turn."""
        self._seconds = seconds
        self._lanes: Lanes[Viewer] = Lanes(
            LaneSetup(
                make_desk=Viewer,
                warm=Viewer.ready,
                prepare=functools.partial(
                    configure_logging, settings.log_level, settings.log_format
                ),
                limits=Limits(memory_bytes=settings.workers.memory_bytes),
                tools=_TOOLS,
            ),
            count=1,
            patience=patience,
        )
        self._starting = threading.Lock()
        self._has_started = False

    def stop(self) -> None:
        """End the worker."""
        self._lanes.stop()

    def pids(self) -> tuple[int, ...]:
        """Return the worker's process id, while it runs."""
        return self._lanes.pids()

    def native_frames(self, path: Path, numbers: Sequence[int]) -> list[bytes]:
        """Return native pixels (`Decoder.native_frames`)."""
        return self._run(path, Viewer.native_frames, path, tuple(numbers))

    def rendered(self, path: Path, number: int, media_type: str, rendering: Rendering) -> bytes:
        """Return a picture (`Decoder.rendered`)."""
        return self._run(path, Viewer.rendered, path, number, media_type, rendering)

    def explicit_little(self, path: Path) -> bytes:
        """Return a decoded object (`Decoder.explicit_little`)."""
        return self._run(path, Viewer.explicit_little, path)

    def _run(
        self,
        path: Path,
        method: Callable[With[Viewer, P], R | DicomWebError],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        self._start()
        try:
            answer = self._lanes.run(str(path), self._seconds, _nothing, method, *args, **kwargs)
        except NoWorkerError as none:
            raise NotNowError(_NO_WORKER) from none
        except (WorkerDiedError, WorkFailedError, WorkRefusedError) as death:
            raise NotAcceptableError(UNDECODABLE) from death
        if isinstance(answer, DicomWebError):
            raise answer
        return answer

    def _start(self) -> None:
        with self._starting:
            if not self._has_started:
                self._lanes.start()
                self._has_started = True


def _nothing() -> None:
    """Do nothing before the work: attempts are counted of studies, not of pictures."""


def _told(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R | DicomWebError:
    try:
        return work(*args, **kwargs)
    except DicomWebError as refusal:
        return refusal
