"""Whether an answer is wanted soon, with processors that nobody else needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_HASTE: ContextVar[bool] = ContextVar("haste", default=False)


@contextmanager
def in_haste() -> Iterator[None]:
    """Let what is inferred within take processors beside its own.

    Where others work, too, that costs both: what one thread does alone takes less of a processor.
    """
    before = _HASTE.set(True)
    try:
        yield
    finally:
        _HASTE.reset(before)


def is_in_haste() -> bool:
    """Whether this thread's answer is wanted so."""
    return _HASTE.get()
