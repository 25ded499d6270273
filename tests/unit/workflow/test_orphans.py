"""A workflow that no thread runs is taken up again, or ended."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.study import StudyState
from dicom_node.workflow.orphans import Orphans
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works


class Threads:
    """Workflows of which some have no thread."""

    def __init__(self) -> None:
        self.without: set[str] = set()
        self.taken_up: list[str] = []
        self.cancelled: list[str] = []

    def orphans(self) -> frozenset[str]:
        """Return those without a thread."""
        return frozenset(self.without)

    def take_up(self, workflow_id: str) -> None:
        """Note it."""
        self.taken_up.append(workflow_id)

    def cancel(self, workflow_ids: Sequence[str]) -> None:
        """Note it."""
        self.cancelled.extend(workflow_ids)
        self.without -= set(workflow_ids)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    return Works(engine, tmp_path)


@pytest.fixture
def threads() -> Threads:
    return Threads()


@pytest.fixture
def orphans(works: Works, threads: Threads) -> Orphans:
    return Orphans(workflows=threads, index=works.index, giving_up=works.corridor.giving_up)


def test_what_has_only_just_begun_is_left_alone(orphans: Orphans, threads: Threads) -> None:
    threads.without = {"w1"}
    orphans.sweep()
    threads.without = {"w2"}
    orphans.sweep()
    assert threads.taken_up == []


def test_an_orphan_of_two_sweeps_is_taken_up(orphans: Orphans, threads: Threads) -> None:
    threads.without = {"w1"}
    orphans.sweep()
    orphans.sweep()
    assert threads.taken_up == ["w1"]


def test_a_workflow_that_breaks_off_again_and_again_ends_and_its_study_says_so(
    works: Works, orphans: Orphans, threads: Threads
) -> None:
    works.receive("1.2.3.1")
    assert works.corridor.completion.claim(STUDY, "w1") is not None
    threads.without = {"w1"}
    for _ in range(6):
        orphans.sweep()
    assert threads.taken_up == ["w1", "w1"]
    assert threads.cancelled == ["w1"]
    study = works.index.study(STUDY)
    assert study.state is StudyState.FAILED
    assert "broke off again and again" in study.reason
