"""Batches that are made while the network works."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

_AHEAD = 6


def made_ahead(batches: Iterable[T]) -> Iterator[T]:
    """The same, the next ones made on a thread of their own; an error reaches the reader."""
    source = iter(batches)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as worker:
        waiting = deque(worker.submit(next, source, None) for _ in range(_AHEAD))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(worker.submit(next, source, None))
            yield batch
