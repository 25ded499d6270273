"""A whole node whose PostgreSQL fails in every way while studies arrive: it heals by itself.

``make faults``; a short version, with the corridor alone, is in
``tests/integration/workflow/test_liveness.py``.
"""

import os
from collections import Counter
from pathlib import Path

import pytest

from dicom_node.domain.study import StudyState
from tests.acceptance.chaos import Sender, assert_results, assert_stored, flapping
from tests.acceptance.running import running_node
from tests.acceptance.test_faults import settled, told
from tests.peers.postgresql import Failure, postgresql

_STUDIES = int(os.environ.get("DICOM_NODE_FAULT_DATABASE", "0"))
pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(not _STUDIES, reason="takes minutes: make faults"),
]
_STOPPED = 30.0  # longer than anything that a pool waits for a connection
_PATIENCE = 300.0 + 5.0 * _STUDIES


def test_nothing_is_lost_and_nothing_wants_a_restart(tmp_path: Path) -> None:
    with (
        postgresql() as server,
        running_node(tmp_path / "node") as node,
        flapping(tmp_path / "pacs") as pacs,
    ):
        node.environment["DICOM_NODE_DATABASE__URL"] = server.database("node")
        node.environment["DICOM_NODE_DATABASE__WAREHOUSE_URL"] = server.database("warehouse")
        node.add_ae("PACS", pacs.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start()
        before = node.process
        sender = Sender(node.peer, tmp_path / "modality", "CR1", _STUDIES)
        sender.start()
        share = _STUDIES // (len(Failure) + 1)
        try:
            for number, how in enumerate(Failure, start=1):
                node.wait_for(
                    f"studies to come before it is {how.value}",
                    lambda many=number * share: len(sender.sent) >= many,
                    seconds=_PATIENCE,
                )
                server.fail(how, stopped=_STOPPED)
            node.wait_for("all to be sent", sender.is_done, seconds=_PATIENCE)
        finally:
            sender.stop()
        repositories = node.repositories()
        states = settled(node, repositories, sender.sent)
        objects = assert_stored(repositories, sender.sent)
        results = assert_results(repositories, pacs, sender.sent)
        repositories.close()
        assert node.process is before
    told(sender, states, objects=objects, results=results)
    assert states == Counter(
        StudyState.ANALYSED if each.is_chest else StudyState.NOT_ROUTED for each in sender.sent
    )
