"""Memory that work has taken is given back once there is nothing to do."""

import subprocess
import sys
from pathlib import Path

import pytest

# A block that is in use lies above each that is freed, so that freeing alone gives nothing back.
_PROGRAM = """
import ctypes, sys, time
from dicom_node.isolation.memory import Tidying

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
resident = lambda: int(open("/proc/self/statm").read().split()[1]) * 4096

tidying = Tidying(quiet=0.05)
size, count = 64 * 1024, 1000
blocks = [libc.malloc(size) for _ in range(count)]
for each in blocks:
    ctypes.memset(each, 1, size)
for each in blocks[:-1]:
    libc.free(each)
most = resident()
tidying.worked()
while resident() > most - size * count // 2:
    time.sleep(0.01)
print("given back")
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
def test_a_process_gives_back_what_it_has_freed_when_its_work_has_ended() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "given back\n"


_AGAIN = """
import ctypes, resource
from dicom_node.isolation.memory import give_back_memory, keep_memory

keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def work():
    before = faults()
    blocks = [libc.malloc(8 << 20) for _ in range(4)]
    for each in blocks:
        ctypes.memset(each, 1, 8 << 20)
    for each in blocks:
        libc.free(each)
    return faults() - before


first, again = work(), work()
give_back_memory()
print(first, again, work())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc on this system")
def test_what_a_worker_has_freed_is_there_for_the_next_image_until_it_is_given_back() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AGAIN], capture_output=True, text=True, check=True, timeout=120
    )
    first, again, afterwards = map(int, done.stdout.split())
    assert again < first / 4
    assert afterwards > first / 4
