"""Time and memory of one converted model, measured in a process of its own.

The memory is then that model's alone. Arguments: model (.xml), input size, threads.
"""

import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ai_engine.errors import BackendError
from ai_engine.inference.openvino_backend import OpenVinoBackend

WARM_UP = 2
SHORTEST = 3.0
"""Seconds of measuring, so that one hiccup of the machine doesn't decide."""

FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Images in a second, one by one, and MiB of memory that a process which runs it takes."""

    images_per_second: float
    memory: float


def measure_speed(model: Path, *, size: int, threads: int | None) -> Speed:
    """Measure a converted model (.xml) in a process of its own.

    Raises
    ------
    BackendError
        If the process fails.
    """
    words = [sys.executable, "-m", "ai_engine.evaluation.speed"]
    command = [*words, str(model), str(size), str(threads or 0)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise BackendError(f"{model}: cannot be measured: {last[0]}")
    return Speed(**json.loads(done.stdout))


def _measure(model: Path, size: int, threads: int | None) -> dict[str, float]:
    backend = OpenVinoBackend(model, threads=threads)
    image = np.zeros((1, size, size, 1), dtype=np.float32)
    for _ in range(WARM_UP):
        backend.predict(image)
    started, done = time.perf_counter(), 0
    while done < FEWEST or time.perf_counter() - started < SHORTEST:
        backend.predict(image)
        done += 1
    seconds = time.perf_counter() - started
    return {"images_per_second": done / seconds, "memory": _memory()}


def _memory() -> float:
    """Largest resident memory so far in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    found = _measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) or None)
    sys.stdout.write(json.dumps(found))
