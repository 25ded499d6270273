"""A backlog leaves over one association once its destination is back.

How fast is printed (``pytest -s``), with DCMTK's ``dcmsend`` of the same files for comparison: that
is the destination's own limit. ``DICOM_NODE_BACKLOG`` says how many studies wait.
"""

import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import Compression, Role
from dicom_node.domain.delivery import DeliveryState, RetryPolicy
from dicom_node.network.sender import StorageSender
from dicom_node.network.storage_scu import Destination, ScuTimeouts
from dicom_node.workflow.delivery.courier import Courier
from dicom_node.workflow.testing.fakes import InlineSteps
from tests.peers.dcmtk import dcmsend, storescp
from tests.peers.process import free_port
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import CHEST, Works

pytestmark = pytest.mark.peer

_STUDIES = int(os.environ.get("DICOM_NODE_BACKLOG", "8"))
_SIDE = 1024  # pixels: a colour overlay of 3 MB for each study
_URGENT = 3


@pytest.mark.parametrize("compression", [Compression.SMALLEST, Compression.NONE])
def test_what_waited_leaves_over_one_association(
    engine: sa.Engine, tmp_path: Path, compression: Compression
) -> None:
    port = free_port()
    works = Works(engine, tmp_path)
    pacs = an_entity(
        "PACS",
        roles=frozenset({Role.PACS}),
        host="127.0.0.1",
        port=port,
        destinations=(),
        compression=compression,
    )
    works.ae_titles.put(pacs, actor="t", at=EPOCH)
    studies = [f"1.2.826.0.1.7.{number + 1}" for number in range(_STUDIES)]
    for number, study in enumerate(studies):
        _analyse(works, study, urgent=number == _URGENT)
    courier = _courier(works, port)
    assert courier.round(), "the destination is down"
    options = ("+xa", "--verbose")
    with storescp(tmp_path / "pacs", ae_title="PACS", port=port, options=options) as peer:
        begun, busy = time.perf_counter(), time.process_time()
        while (pause := courier.round()) is not None:
            time.sleep(pause)
        seconds, busy = time.perf_counter() - begun, time.process_time() - busy
        files = peer.files()
    with storescp(tmp_path / "limit", ae_title="PACS") as other:
        begun = time.perf_counter()
        assert dcmsend(other.peer, files, calling="AINODE").returncode == 0
        limit = time.perf_counter() - begun
    assert {state for _, state in works.deliveries.counts()} == {DeliveryState.DELIVERED}
    print(
        f"\n{compression.value}: {_STUDIES} studies of {len(files) // _STUDIES} objects in "
        f"{seconds:.1f} s ({_STUDIES / seconds:.1f} a second, {1000 * busy / _STUDIES:.0f} ms of "
        f"processor time each); dcmsend {limit:.1f} s ({_STUDIES / limit:.1f} a second)"
    )
    log = (tmp_path / "pacs" / "storescp.log").read_text()
    assert log.count("Association Received") <= 3, "is it there, the probe, and what waited"
    assert len(files) == 2 * _STUDIES


def _analyse(works: Works, study: str, *, urgent: bool) -> None:
    pixels = np.random.default_rng(7).integers(0, 4096, (_SIDE, _SIDE), np.uint16).tobytes()
    image = {"Rows": _SIDE, "Columns": _SIDE, "PixelData": pixels}
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
    works.receive(f"{study}.1.1", **uids, **image)  # type: ignore[arg-type]
    works.clock.advance(1)
    works.corridor.routing._routes = lambda: (replace(CHEST, urgent=urgent),)
    works.corridor.analyse(study, InlineSteps(workflow_id=study))


def _courier(works: Works, port: int) -> Courier:
    address = Destination(ae_title="PACS", host="127.0.0.1", port=port)
    sender = StorageSender(
        ae_title="AINODE",
        timeouts=ScuTimeouts(),
        path_of=works.objects.evidence_path,
        address=lambda _: address,
    )
    policy = RetryPolicy(first_delay=timedelta(milliseconds=200))
    return works.courier(sender=sender, policy=policy, monotonic=time.monotonic)


def test_routes_that_want_the_same_job_make_it_once_and_its_result_is_urgent(
    engine: sa.Engine, tmp_path: Path
) -> None:
    works = Works(engine, tmp_path)
    works.ae_titles.put(an_entity("PACS", roles=frozenset({Role.PACS})), actor="t", at=EPOCH)
    works.ae_titles.put(an_entity("STROKE", roles=frozenset({Role.PACS})), actor="t", at=EPOCH)
    hurried = replace(CHEST, name="stat", urgent=True, destinations=("STROKE",))
    works.corridor.routing._routes = lambda: (CHEST, hurried)
    works.receive("1.2.3.1")
    steps = works.analyse()
    assert steps.names.count("infer") == 1
    assert {(each.destination, each.urgent) for each in works.waiting()} == {
        ("PACS", True),
        ("STROKE", True),
    }
