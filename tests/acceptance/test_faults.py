"""Killed again and again at any moment, the node loses nothing and sends nothing twice over.

``make faults`` kills a hundred times while three hundred studies arrive; the tests a few times.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyState
from dicom_node.node.repositories import Repositories
from tests.acceptance.chaos import (
    Sender,
    SentStudy,
    Victim,
    assert_results,
    assert_stored,
    flapping,
    strike,
)
from tests.acceptance.running import RunningNode, running_node
from tests.unit.builders import EPOCH, STUDY, an_instance

pytestmark = pytest.mark.peer

_KILLS = int(os.environ.get("DICOM_NODE_FAULT_KILLS", "4"))
_STUDIES = int(os.environ.get("DICOM_NODE_FAULT_STUDIES", "10"))
_SEED = int(os.environ.get("DICOM_NODE_FAULT_SEED", "20260101"))
# Nobody is killed after these, and no further study sent; 0: as long as it takes.
_MINUTES = float(os.environ.get("DICOM_NODE_FAULT_MINUTES", "0"))
# From before an association's end is noticed to after everything has been delivered.
_LONGEST_PEACE = 4.0
# Of the kills, those that find workers at work, and so analyses and deliveries: a busy machine
# takes longer to make ready, and to analyse a study, than the others leave it.
_READY_SHARE = 0.5
_OVER = frozenset({StudyState.ANALYSED, StudyState.NOT_ROUTED, StudyState.FAILED})
_SETTLING_SECONDS = 180.0 + 5.0 * _STUDIES


def test_nothing_is_lost_or_doubled_however_often_it_is_killed(tmp_path: Path) -> None:
    chance = random.Random(_SEED)  # noqa: S311 - moments, not secrets
    kills: Counter[Victim] = Counter()
    with running_node(tmp_path / "node") as node, flapping(tmp_path / "pacs") as pacs:
        node.is_forked = False  # some are killed while they start
        node.add_ae("PACS", pacs.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.environment["DICOM_NODE_WORKFLOW__SWEEP_INTERVAL"] = "0.5"
        node.start()
        _lose_workflow(node)
        sender = Sender(node.peer, tmp_path / "modality", "CR1", _STUDIES)
        sender.start()
        until = time.monotonic() + 60 * _MINUTES if _MINUTES else float("inf")
        try:
            for victim in _victims(chance):
                if time.monotonic() > until:
                    break
                if chance.random() < _READY_SHARE:
                    _wait_for_work(node)
                time.sleep(chance.uniform(0, _LONGEST_PEACE))
                if chance.random() < 0.3:
                    pacs.toggle()
                strike(node, victim, chance)
                kills[victim] += 1
                if kills.total() % 10 == 0:
                    _print_state(node, kills, sender)
            pacs.come()
            if _MINUTES:
                node.wait_for(
                    "the time to be over, or all to be sent",
                    lambda: time.monotonic() > until or sender.is_done(),
                    seconds=60 * _MINUTES + 1,
                )
                sender.finish()
            node.wait_for("all to be sent", sender.is_done, seconds=_SETTLING_SECONDS)
        finally:
            sender.stop()
        repositories = node.repositories()
        states = settled(node, repositories, sender.sent, others=1)
        objects = assert_stored(repositories, sender.sent)
        results = assert_results(repositories, pacs, sender.sent)
        lost = repositories.index.study(STUDY)
        repositories.close()
    told(sender, states, objects=objects, results=results)
    print(f"killed: { ({each.value: count for each, count in kills.items()}) }", flush=True)
    assert lost.state is StudyState.FAILED
    assert "cannot be read" in lost.reason  # begun anew: nobody has sent its image
    expected = Counter(
        StudyState.ANALYSED if each.is_chest else StudyState.NOT_ROUTED for each in sender.sent
    )
    assert states == expected


def _wait_for_work(node: RunningNode) -> None:
    """Wait until the node has ended one study more, or has none to work on."""
    node.wait_for("a worker with its models", node.is_ready, seconds=300)
    repositories = node.repositories()
    before = _ended(repositories.index.counts())

    def has_worked() -> bool:
        counts = repositories.index.counts()
        return _ended(counts) > before or _ended(counts) == sum(counts.values())

    node.wait_for("a study to end", has_worked, seconds=300)
    repositories.close()


def _ended(counts: Mapping[StudyState, int]) -> int:
    return sum(count for state, count in counts.items() if state in _OVER)


def _print_state(node: RunningNode, kills: Counter[Victim], sender: Sender) -> None:
    repositories = node.repositories()
    states = {each.value: count for each, count in repositories.index.counts().items()}
    repositories.close()
    print(f"{kills.total()} kills, {len(sender.sent)} studies sent, {states}", flush=True)


def _victims(chance: random.Random) -> list[Victim]:
    """Return whom to kill: each kind in turn, in an order by lot."""
    kinds = list(Victim)
    victims = [kinds[number % len(kinds)] for number in range(_KILLS)]
    chance.shuffle(victims)
    return victims


def _lose_workflow(node: RunningNode) -> None:
    """Leave a study behind whose analysis the workflow store knows nothing of."""
    repositories = node.repositories()
    repositories.index.record([an_instance()])
    assert repositories.index.claim(STUDY, by="no such workflow", at=EPOCH) is not None
    repositories.close()


def told(
    sender: Sender, states: Counter[StudyState], *, objects: int, results: Counter[str]
) -> None:
    """Print what came and what became of it, once nothing was found lost or doubled."""
    print(
        f"{sender.attempts} attempts for {len(sender.sent)} studies of {objects} objects, "
        f"{ ({each.value: count for each, count in states.items()}) }; in the PACS once each: "
        f"{dict(results)}; lost, missing or doubled: none",
        flush=True,
    )


def settled(
    node: RunningNode, repositories: Repositories, sent: list[SentStudy], *, others: int = 0
) -> Counter[StudyState]:
    """Wait until every study has its result and all of it is delivered; return how they ended.

    ``others`` are studies that the node knows and nobody has sent.
    """

    def ended() -> bool:
        counts = repositories.index.counts()
        return _ended(counts) == sum(counts.values()) == len(sent) + others

    def delivered() -> bool:
        counts = repositories.deliveries.counts()
        return {state for _, state in counts} == {DeliveryState.DELIVERED}

    node.wait_for("all studies to settle", ended, seconds=_SETTLING_SECONDS)
    node.wait_for("all results to be delivered", delivered, seconds=_SETTLING_SECONDS)
    return Counter(repositories.index.study(each.study_instance_uid).state for each in sent)
