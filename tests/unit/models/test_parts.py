"""How many threads an inference has."""

import os

import pytest

from dicom_node.models.parts import threads_of_worker


@pytest.mark.parametrize(
    ("processors", "workers", "threads"),
    [(2, 2, 1), (8, 2, 4), (2, 4, 1), (7, 2, 3), (4, 1, 4), (8, 0, None)],
)
def test_workers_share_the_processors_that_the_node_may_use(
    monkeypatch: pytest.MonkeyPatch, processors: int, workers: int, threads: int | None
) -> None:
    """Two workers that both ran on both cores would spin while they wait for one another."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(processors)))
    assert threads_of_worker(workers) == threads
