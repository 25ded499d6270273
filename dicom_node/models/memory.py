"""Memory that was freed, given back to the system."""

import ctypes
from collections.abc import Callable


def give_back() -> None:
    """Have the C library give back what it keeps of freed memory, where it can (glibc).

    It keeps hundreds of megabytes after a CT: slices are as large as what it no longer maps for
    each request alone, once such a block was freed.
    """
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
