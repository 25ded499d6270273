"""What is answered 0x0000 has been made durable: the receiver's system calls say so."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.network.reactor import Reactor
from tests.peers import node
from tests.peers.node import MODALITY
from tests.peers.objects import encoded, make_dataset
from tests.peers.process import wait_until
from tests.peers.raw_scu import raw_scu
from tests.peers.system_calls import SystemCall, calls_of, watched

_CALLS = ("fsync", "fdatasync", "link", "linkat", "sendto", "write")
_SIZES = {1: 1_000, 2: 500_000, 3: 3_000_000}
"""Bytes of pixel data: what is stored whole, and what is written while it comes."""


def paths(call: SystemCall) -> list[str]:
    """Return what descriptors are open on, and what is named by text."""
    return ["".join(found) for found in re.findall(r'<([^<>]*)>|"([^"]*)"', call.arguments)]


def responses(calls: Sequence[SystemCall], uid: str) -> list[SystemCall]:
    """Return what was sent and names an instance; receivers tell the node by ``write``."""
    return [call for call in calls if call.name == "sendto" and uid in call.arguments]


def synchronised(calls: Sequence[SystemCall], path: str) -> list[SystemCall]:
    """Return the calls that made a file or folder durable."""
    names = {"fsync", "fdatasync"}
    return [
        call for call in calls if call.name in names and not call.result and path in paths(call)
    ]


def unproven(calls: Sequence[SystemCall], uid: str, path: str) -> list[str]:
    """Say what had not happened when the response for an instance was begun."""
    (response,) = responses(calls, uid)
    named = [call for call in calls if call.name in {"link", "linkat"} and path in paths(call)]
    if not named or named[0].ended > response.begun or named[0].result:
        return ["it had no name"]
    (link, *_) = named
    file, folder = paths(link)[0], str(Path(path).parent)
    problems = []
    if not any(call.ended < response.begun for call in synchronised(calls, file)):
        problems.append("its bytes were not durable")
    later = [call for call in synchronised(calls, folder) if call.begun > link.ended]
    if not any(call.ended < response.begun for call in later):
        problems.append("its name was not durable")
    return problems


@pytest.mark.peer
@pytest.mark.parametrize("reactor", Reactor, ids=lambda each: each.value)
def test_file_and_name_are_durable_before_the_response_is_begun(
    tmp_path: Path, reactor: Reactor
) -> None:
    answered: dict[str, Path] = {}
    with (
        node.reception(tmp_path / "archive", reactor=reactor) as running,
        watched(running.pool.pids[0], _CALLS, tmp_path / "calls") as trace,
    ):
        with raw_scu(running.peer, MODALITY) as scu:
            for number, size in _SIZES.items():
                dataset = make_dataset(number, PixelData=bytes(size))
                uid = str(dataset.SOPInstanceUID)
                data = encoded(dataset)
                status, _ = scu.store(data, sop_instance=uid, syntax=ExplicitVRLittleEndian)
                assert status == 0x0000
                (answered[uid],) = running.archive.root.rglob(f"{uid}.dcm")
        wait_until(lambda: all(responses(trace.read(), uid) for uid in answered), "what was seen")
        calls = trace.read()

    assert {uid: unproven(calls, uid, str(path)) for uid, path in answered.items()} == {
        uid: [] for uid in answered
    }


@pytest.mark.parametrize(
    ("lines", "problems"),
    [
        ("f l d s", []),
        ("l f d s", []),
        ("f l s d", ["its name was not durable"]),
        ("d f l s", ["its name was not durable"]),
        ("l d s f", ["its bytes were not durable"]),
        ("f( l d s f)", ["its bytes were not durable"]),
        ("s f l d", ["it had no name"]),
    ],
)
def test_a_response_before_its_time_would_be_seen(lines: str, problems: list[str]) -> None:
    said = {
        "f": "10 fsync(7</a/.incoming/#12>(deleted)) = 0",
        "f(": "10 fsync(7</a/.incoming/#12>(deleted) <unfinished ...>",
        "f)": "10 <... fsync resumed>) = 0",
        "l": '11 linkat(7</a/.incoming/#12>(deleted), "/proc/self/fd/7", AT_FDCWD</>, '
        '"/a/b/1.2.dcm", AT_SYMLINK_FOLLOW) = 0',
        "d": "11 fsync(8</a/b>)           = 0",
        "s": '11 sendto(5<socket:[4]>, "\\4\\0\\0\\0\\0001.2", 5, 0, NULL, 0) = 5',
    }
    calls = calls_of([said[each] for each in lines.split()])

    assert unproven(calls, "1.2", "/a/b/1.2.dcm") == problems
