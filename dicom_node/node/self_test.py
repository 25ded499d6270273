"""The self-test: a synthetic chest radiograph goes round the corridor, is timed, and is erased.

It comes in as an upload does, so it is kept, indexed, routed, analysed and reported as any study.
Its sender is known nowhere: nothing is delivered. While it runs its result may show on the
worklist; afterwards nothing of it is left but the trail of its erasure.
"""

import io
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pydicom import dcmread
from pydicom.uid import generate_uid

from dicom_node.dicomweb.uploads import BusyError, NotKept, Sender, Upload
from dicom_node.domain.health import Problem, Severity
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.self_test import SelfTestResult, StageTime
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.errors import ConflictError, NodeError
from dicom_node.node.erasing import Erasing
from dicom_node.node.repositories import Repositories

_LOG = logging.getLogger(__name__)
_IMAGE = Path(__file__).with_name("self_test.dcm")
_SENDER = Sender(ae_title="SELF_TEST", actor="self-test", address="127.0.0.1")
_PATIENCE = 300.0
_GLANCE = 0.2
_UNDER_WAY = (StudyState.RECEIVING, StudyState.COMPLETE)
_WHY = "a self-test's study"


class _FailedError(NodeError):
    """The self-test did not come back with a result."""


class Uploads(Protocol):
    """Takes uploads."""

    def open(self, sender: Sender, study_instance_uid: str | None) -> Upload:
        """Begin an upload."""


class SelfTest:
    """Runs one self-test at a time, by a button or by the clock."""

    def __init__(
        self,
        repositories: Repositories,
        *,
        uploads: Uploads,
        stages: Callable[[str], Sequence[StageTime]],
        clock: Callable[[], datetime],
        patience: float = _PATIENCE,
    ) -> None:
        """Keep the parts; ``stages`` says how long the steps of a workflow took."""
        self._repositories = repositories
        self._uploads = uploads
        self._stages = stages
        self._clock = clock
        self._patience = patience
        self._lock = threading.Lock()
        self._last: SelfTestResult | None = None
        self._is_over = threading.Event()

    @property
    def last(self) -> SelfTestResult | None:
        """How the last one since the start of the node ended."""
        return self._last

    @property
    def is_running(self) -> bool:
        """Whether one runs now."""
        return self._lock.locked()

    def start(self) -> None:
        """Begin one in the background.

        Raises
        ------
        ConflictError
            When one runs already.
        """
        if self.is_running:
            raise ConflictError("a self-test runs already: wait for its end.")
        threading.Thread(target=self.run, name="self-test", daemon=True).start()

    def run(self) -> SelfTestResult | None:
        """Run one, and return how it ended; None where one runs already."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            self._last = self._timed()
        finally:
            self._lock.release()
        log = _LOG.info if self._last.passed else _LOG.error
        log("self-test seconds=%.1f problem=%r", self._last.seconds, self._last.problem)
        return self._last

    def stop(self) -> None:
        """Wait for nothing any more: the node stops."""
        self._is_over.set()

    def problems(self) -> Iterator[Problem]:
        """Say that the last one failed."""
        if self._last is not None and not self._last.passed:
            yield Problem(
                kind="self-test",
                severity=Severity.DEGRADED,
                words=f"the self-test of {self._last.at:%Y-%m-%d %H:%M} UTC failed: "
                f"{self._last.problem}",
                advice="put that right, and run it again on the overview",
            )

    def _timed(self) -> SelfTestResult:
        at, begun = self._clock(), time.monotonic()
        study = generate_uid()
        stages: list[StageTime] = []
        problem = ""
        try:
            with _erased(self._repositories, study, self._clock):
                stages.append(self._received(study))
                record = self._settled(study, begun)
                stages += self._stages(self._repositories.index.workflow_of(study))
                self._check(record)
        except (NodeError, BusyError) as error:
            problem = str(error)
        return SelfTestResult(
            at=at, seconds=time.monotonic() - begun, stages=tuple(stages), problem=problem
        )

    def _received(self, study: str) -> StageTime:
        begun = time.monotonic()
        upload = self._uploads.open(_SENDER, study)
        incoming = upload.begin()
        try:
            incoming.write(_image(study, self._clock()))
            outcome = upload.take(incoming, "")
        finally:
            incoming.close()
            upload.end(AssociationEnd.RELEASED)
        if isinstance(outcome, NotKept):
            raise _FailedError(f"the study was not stored: {outcome.words}")
        return StageTime(name="receive", seconds=time.monotonic() - begun)

    def _settled(self, study: str, begun: float) -> StudyRecord:
        while time.monotonic() - begun < self._patience:
            record = self._repositories.index.study(study)
            if record.state not in _UNDER_WAY and not self._is_busy(study):
                return record
            if self._is_over.wait(_GLANCE):
                raise _FailedError("the node was stopped in its midst")
        raise _FailedError(f"there was no result after {self._patience:.0f} s")

    def _is_busy(self, study: str) -> bool:
        return any(each.busy for each in Erasing(self._repositories).held([study]))

    def _check(self, record: StudyRecord) -> None:
        if record.state is not StudyState.ANALYSED:
            raise _FailedError(f"the study is {record.state.value}: {record.reason}")
        hotbase = self._repositories.hotbase
        jobs = hotbase.jobs(record.study_instance_uid)
        made = [each for job in jobs for each in hotbase.evidence(job["job_id"])]
        if not made or any(each.is_held for each in made):
            raise _FailedError("no result was made that may be sent")


@contextmanager
def _erased(
    repositories: Repositories, study: str, clock: Callable[[], datetime]
) -> Iterator[None]:
    """Leave nothing of a study, however the block ends."""
    try:
        yield
    finally:
        erasing = Erasing(repositories)
        held = [each for each in erasing.held([study]) if not each.busy]
        erasing.erase(held, actor=_SENDER.actor, why=_WHY, at=clock())


def _image(study: str, at: datetime) -> bytes:
    """Return the image under new identifiers, taken now."""
    dataset = dcmread(_IMAGE)
    dataset.StudyInstanceUID = study
    dataset.SOPInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    for what in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{what}Date", f"{at:%Y%m%d}")
        setattr(dataset, f"{what}Time", f"{at:%H%M%S}")
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()
