"""Whatever is killed, every object that was answered 0x0000 is on disk."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.archive.reading import iter_objects
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.reception import AssociationEnd
from dicom_node.network.events import AssociationClosed, InstanceReceived
from tests.peers import node
from tests.peers.dcmtk import Peer
from tests.peers.node import MODALITY, Reception
from tests.peers.objects import CR_IMAGE, encoded, make_dataset
from tests.peers.process import wait_until
from tests.peers.raw_scu import associate, hang_up, raw_scu

_SIZE = 200_000


def send_until_it_breaks(peer: Peer, first: int, kill_at: int, victim: int) -> list[str]:
    """Send objects, kill a process while one is on its way, and return those that were answered."""
    answered: list[str] = []
    with raw_scu(peer, MODALITY) as scu:
        for number in range(first, first + 200):
            dataset = make_dataset(number, PixelData=bytes([number % 256]) * _SIZE)
            scu.send(
                encoded(dataset),
                sop_class=CR_IMAGE,
                sop_instance=dataset.SOPInstanceUID,
                syntax=ExplicitVRLittleEndian,
            )
            if number == first + kill_at:
                os.kill(victim, signal.SIGKILL)
            _, response = scu.association.dimse.get_msg(block=True)
            if response is None or response.Status != 0x0000:
                return answered
            answered.append(str(dataset.SOPInstanceUID))
    pytest.fail("the association outlived its receiver")


def on_disk(archive: StorageArchive) -> set[str]:
    return {each.sop_instance_uid for each in iter_objects(archive, verify=True)}


def can_store(own_reception: Reception, number: int) -> bool:
    association = associate(own_reception.peer, MODALITY)
    if not association.is_established:
        return False
    association.release()
    dataset = make_dataset(number)
    with raw_scu(own_reception.peer, MODALITY) as scu:
        status, _ = scu.store(
            encoded(dataset), sop_instance=dataset.SOPInstanceUID, syntax=ExplicitVRLittleEndian
        )
    return status == 0x0000


@pytest.mark.parametrize("kill_at", [3, 8])
def test_a_killed_receiver_loses_nothing_that_it_answered_for(
    own_reception: Reception, kill_at: int
) -> None:
    (victim,) = own_reception.pool.pids

    answered = send_until_it_breaks(own_reception.peer, 1, kill_at, victim)

    assert len(answered) >= kill_at
    assert set(answered) <= on_disk(own_reception.archive)
    (closed,) = own_reception.closed()
    assert closed.ended.end is AssociationEnd.RECEIVER_LOST
    reported = {
        event.instance.sop_instance_uid for event in own_reception.recorder.of(InstanceReceived)
    }
    assert set(answered) <= reported

    wait_until(own_reception.pool.ready, "another receiver to take its place")
    assert own_reception.pool.pids != (victim,)
    assert can_store(own_reception, 1000)
    assert sum(own_reception.pool._counts.associations) <= 1


def test_while_one_receiver_is_down_the_other_serves(tmp_path: Path) -> None:
    with node.reception(tmp_path / "archive", receivers=2) as running:
        os.kill(running.pool.pids[0], signal.SIGKILL)

        assert all(can_store(running, number) for number in range(1, 6))
        wait_until(running.pool.ready, "both receivers")
        assert len(running.pool.pids) == 2


def test_a_half_received_object_of_a_killed_receiver_is_cleared_away_at_the_next_start(
    own_reception: Reception,
) -> None:
    (own_reception.archive.root / ".incoming" / "0123.part").write_bytes(b"half an object")

    assert StorageArchive(own_reception.archive.settings).open() == 1


_MAIN = """
import functools, sys
from pathlib import Path
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.network.access import StaticAccess
from dicom_node.network.receivers import ReceiverPool
from dicom_node.network.receiver import ScpSettings
from tests.peers.node import ACCESS

if __name__ == "__main__":
    settings = ArchiveSettings(root=Path(sys.argv[1]))
    StorageArchive(settings).open()
    pool = ReceiverPool(
        ScpSettings(host="127.0.0.1", port=0, receivers=2),
        store=functools.partial(StorageArchive, settings),
        access=functools.partial(StaticAccess, ACCESS),
        on_events=lambda events: None,
    )
    pool.start()
    print(pool.port, *pool.pids, flush=True)
    sys.stdin.read()
"""


def test_a_killed_main_process_takes_its_receivers_with_it_and_loses_nothing(
    tmp_path: Path,
) -> None:
    script = tmp_path / "main.py"
    script.write_text(_MAIN)
    main = subprocess.Popen(
        [sys.executable, script, tmp_path / "archive"],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        text=True,
    )
    with main:
        assert main.stdout is not None
        port, *pids = map(int, main.stdout.readline().split())
        receivers = [psutil.Process(pid) for pid in pids]
        try:
            answered = send_until_it_breaks(Peer(ae_title="AINODE", port=port), 1, 5, main.pid)
        finally:
            main.kill()

    assert psutil.wait_procs(receivers, timeout=20)[1] == []
    assert len(answered) >= 5
    archive = StorageArchive(ArchiveSettings(root=tmp_path / "archive"))
    assert set(answered) <= on_disk(archive)


def test_closing_is_reported_once_for_each_association_of_a_killed_receiver(
    own_reception: Reception,
) -> None:
    associations = [associate(own_reception.peer, MODALITY) for _ in range(3)]
    wait_until(lambda: sum(own_reception.pool._counts.associations) == 3, "three associations")

    os.kill(own_reception.pool.pids[0], signal.SIGKILL)

    closed = own_reception.recorder.wait_for(AssociationClosed, 3)
    assert len({event.ended.association_id for event in closed}) == 3
    for association in associations:
        hang_up(association)
