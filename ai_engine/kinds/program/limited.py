"""Begins a program within limits: ``limited.py MEMORY_BYTES FILE_BYTES PROGRAM ARGUMENTS...``.

It is run by itself, without the rest of the engine, and becomes the program.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2)


def main() -> None:
    """Set the limits, see to it that the program ends with whoever began it, and become it."""
    memory, largest = (int(text) for text in sys.argv[1:3])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = memory if memory and (hard == resource.RLIM_INFINITY or memory < hard) else hard
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    # A dump of the memory would leave patients' images on the disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A worker ignores what asks it to end, and what is ignored stays so in whoever it begins.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.execv(sys.argv[3], sys.argv[3:])  # noqa: S606 - no shell is what is wanted


if __name__ == "__main__":
    main()
