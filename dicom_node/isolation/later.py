"""Imported by the parent of processes alone: makes it import more when it is told to.

Multiprocessing's fork server imports its modules before it forks anything, and knows no way to
import others afterwards. This is one of those modules, so that what it does, it does when it is
imported: from then on a signal lets the parent import the rest, between two forks and in its only
thread. Processes that were forked before need none of it.
"""

import gc
import os
import signal
from contextlib import suppress
from importlib import import_module
from types import FrameType

from dicom_node.isolation.parent import LATER, TOLD


def _import_the_rest(_signal: int, _frame: FrameType | None) -> None:
    for name in os.environ.get(LATER, "").split():
        # Whoever needs it says so. Whatever a library raises must not end the parent of all.
        with suppress(Exception):
            import_module(name)
    gc.freeze()


# What has been imported is not looked through for garbage: that would write into pages which the
# parent shares with those that it has forked.
gc.freeze()
signal.signal(TOLD, _import_the_rest)
