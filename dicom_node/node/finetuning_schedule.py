"""Fine-tuning by the clock: the command, in a process of its own."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

_LOG = logging.getLogger(__name__)


class FineTuningSchedule:
    """Runs ``dicom-node models finetune`` for one model after the other."""

    def __init__(
        self, config_dir: Path, *, models: Callable[[], Sequence[str]], min_new_cases: int
    ) -> None:
        self._config_dir = config_dir
        self._models = models
        self._min_new_cases = min_new_cases
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(self) -> None:
        """Train a candidate of every model that has enough new cases; wait for each."""
        for model in self._models():
            self._tune(model)

    def stop(self) -> None:
        """End the process that is running; the next run goes on where it was."""
        with self._lock:
            self._stopped = True
            if self._process is not None:
                self._process.terminate()

    def command(self, model: str) -> list[str]:
        """Return what is run for a model."""
        return [
            sys.executable,
            "-m",
            "dicom_node.cli",
            "--config",
            str(self._config_dir),
            "models",
            "finetune",
            model,
            "--if-new",
            str(self._min_new_cases),
            "--by",
            "schedule",
        ]

    def _tune(self, model: str) -> None:
        with self._lock:
            if self._stopped:
                return
            process = subprocess.Popen(  # noqa: S603 - our own command, names of installed models
                self.command(model), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            self._process = process
        said, _ = process.communicate()
        with self._lock:
            self._process = None
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        log = _LOG.info if process.returncode == 0 else _LOG.error
        log(
            "fine-tuning ended model=%s code=%d said=%r",
            model,
            process.returncode,
            " ".join(lines[-3:]),
        )
