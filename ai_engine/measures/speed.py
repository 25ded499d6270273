"""Time and memory of one converted model, measured in a process of its own.

The memory is then that model's alone. Arguments: model (.xml), input size, channels, threads.
"""

import json
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
"""Seconds of measuring. The fastest run counts: what else a machine does only slows others."""

FEWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Images in a second, one by one, and MiB of memory that a process which runs it takes."""

    images_per_second: float
    memory: float


def measure_speed(model: Path, *, size: int, threads: int | None, channels: int = 1) -> Speed:
    """Measure a converted model (.xml) in a process of its own.

    A model's further channels are not made, only taken: what makes them costs time of its own.

    Raises
    ------
    BackendError
        If the process fails.
    """
    words = [sys.executable, "-m", "ai_engine.measures.speed"]
    command = [*words, str(model), str(size), str(channels), str(threads or 0)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise BackendError(f"{model}: cannot be measured: {last[0]}")
    return Speed(**json.loads(done.stdout))


def _measure(model: Path, size: int, channels: int, threads: int | None) -> dict[str, float]:
    backend = OpenVinoBackend(model, threads=threads)
    image = np.zeros((1, size, size, channels), dtype=np.float32)
    for _ in range(WARM_UP):
        backend.predict(image)
    taken: list[float] = []
    started = time.perf_counter()
    while len(taken) < FEWEST or time.perf_counter() - started < SHORTEST:
        before = time.perf_counter()
        backend.predict(image)
        taken.append(time.perf_counter() - before)
    return {"images_per_second": 1 / min(taken), "memory": _memory()}


def _memory() -> float:
    """Largest resident memory so far in MiB.

    The kernel's VmHWM: getrusage's figure begins with that of the process which started this one.
    """
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    place, *numbers = sys.argv[1:]
    edge, depth, cores = (int(number) for number in numbers)
    found = _measure(Path(place), edge, depth, cores or None)
    sys.stdout.write(json.dumps(found))
