"""A backlog leaves over one association once its destination is back.

How fast is printed (``pytest -s``), with DCMTK's ``dcmsend`` of the same files for comparison: that
is the destination's own limit. ``DICOM_NODE_BACKLOG`` says how many studies wait.
"""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from pydicom import dcmread
from pydicom.uid import JPEGLSLossless, RLELossless, SecondaryCaptureImageStorage

from dicom_node.domain.application_entity import Compression, Role
from dicom_node.domain.delivery import DeliveryState, RetryPolicy
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.packing import pack
from dicom_node.network.sender import StorageSender
from dicom_node.network.travel import TravelFiles, packed_by_nobody
from dicom_node.workflow.delivery.courier import Courier
from dicom_node.workflow.delivery.ports import Outcome
from dicom_node.workflow.testing.fakes import InlineSteps
from tests.peers.dcmtk import dcmsend, storescp
from tests.peers.objects import make_dataset, write_part10
from tests.peers.process import free_port
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import CHEST, Works

pytestmark = pytest.mark.peer

_STUDIES = int(os.environ.get("DICOM_NODE_BACKLOG", "8"))
_SIDE = 1024  # pixels: a colour overlay of 3 MB for each study
_URGENT = 3
_AWAY = 600.0  # seconds, which nobody waits for


@pytest.mark.parametrize(
    "compression", [Compression.SMALLEST, Compression.AUTOMATIC, Compression.NONE]
)
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
    skipped = [0.0]
    courier = _courier(works, port, lambda: time.monotonic() + skipped[0])
    assert courier.round(), "the destination is down"
    ready = works.folder / "travel"
    assert len(list(ready.glob("*"))) == _STUDIES * _is_compressed(compression)
    skipped[0] = _AWAY
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
    assert not list(ready.glob("*")), "nothing stays of what has arrived"
    syntaxes = {
        str(dcmread(each, stop_before_pixels=True).file_meta.TransferSyntaxUID) for each in files
    }
    assert (JPEGLSLossless in syntaxes) == _is_compressed(compression)


def _is_compressed(compression: Compression) -> bool:
    return compression is not Compression.NONE


def test_what_was_made_ready_is_what_would_have_been_sent(
    engine: sa.Engine, tmp_path: Path
) -> None:
    """The same object arrives, whoever compressed it, and when."""
    works = Works(engine, tmp_path)
    _analyse(works, "1.2.826.0.1.7.1", urgent=False)
    (job,) = works.hotbase.jobs("1.2.826.0.1.7.1")
    paths = [each.path for each in works.hotbase.evidence(job["job_id"])]
    got = {}
    for way in ("when it goes", "before", "elsewhere"):
        folder = tmp_path / way
        elsewhere = pack if way == "elsewhere" else packed_by_nobody
        travel = TravelFiles(folder / "travel", elsewhere=elsewhere)
        with storescp(folder, ae_title="PACS", options=("+xa",)) as peer:
            smallest = Compression.SMALLEST
            pacs = an_entity("PACS", host="127.0.0.1", port=peer.peer.port, compression=smallest)
            sender = _sender(works, peer.peer.port, travel)
            if way == "before":
                sender.prepare(pacs, paths)
                assert len(list((folder / "travel").glob("*"))) == 1
            with sender.connect(pacs, paths) as line:
                assert {each.outcome for each in line.send(paths)} == {Outcome.STORED}
            assert not list((folder / "travel").glob("*")), "what has arrived is dropped"
            got[way] = {
                str(dataset.SOPInstanceUID): dataset for dataset in map(dcmread, peer.files())
            }
    simple = got.pop("when it goes")
    assert len(simple) == 2
    for others in got.values():
        assert others == simple
        for uid, dataset in others.items():
            assert dataset.file_meta.TransferSyntaxUID == simple[uid].file_meta.TransferSyntaxUID


def test_what_was_erased_or_has_no_room_is_not_kept_ready(tmp_path: Path) -> None:
    overlay = encoded_overlay(tmp_path / "overlay.dcm")
    compress = {SecondaryCaptureImageStorage: (str(RLELossless),)}
    travel = TravelFiles(tmp_path / "travel")
    travel.prepare("PACS", [overlay], compress)
    ready = travel.find("PACS", overlay, RLELossless)
    assert ready is not None and ready.exists()
    assert travel.find("PACS", overlay, JPEGLSLossless) is None
    assert travel.find("OTHER", overlay, RLELossless) is None
    overlay.unlink()
    travel.prepare("PACS", [], compress)
    assert not ready.exists()
    full = TravelFiles(tmp_path / "full", most_bytes=0)
    full.prepare("PACS", [encoded_overlay(tmp_path / "overlay.dcm")], compress)
    assert not list((tmp_path / "full").glob("*"))


def encoded_overlay(path: Path) -> Path:
    """Write a small image of the class of overlays."""
    dataset = make_dataset(1, SOPClassUID=SecondaryCaptureImageStorage)
    return write_part10(path, dataset)


def _analyse(works: Works, study: str, *, urgent: bool) -> None:
    pixels = np.random.default_rng(7).integers(0, 4096, (_SIDE, _SIDE), np.uint16).tobytes()
    image = {"Rows": _SIDE, "Columns": _SIDE, "PixelData": pixels}
    uids = {"StudyInstanceUID": study, "SeriesInstanceUID": f"{study}.1"}
    works.receive(f"{study}.1.1", **uids, **image)  # type: ignore[arg-type]
    works.clock.advance(1)
    works.corridor.routing._routes = lambda: (replace(CHEST, urgent=urgent),)
    works.corridor.analyse(study, InlineSteps(workflow_id=study))


def _courier(works: Works, port: int, monotonic: Callable[[], float]) -> Courier:
    sender = _sender(works, port, TravelFiles(works.folder / "travel"))
    policy = RetryPolicy(first_delay=timedelta(seconds=_AWAY / 2))
    return works.courier(sender=sender, policy=policy, monotonic=monotonic, ahead=sender.prepare)


def _sender(works: Works, port: int, travel: TravelFiles) -> StorageSender:
    address = Destination(ae_title="PACS", host="127.0.0.1", port=port)
    return StorageSender(
        ae_title="AINODE",
        timeouts=ScuTimeouts(),
        path_of=works.objects.evidence_path,
        address=lambda _: address,
        travel=travel,
    )


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
