"""Elements of received objects whose value representation (VR) was none, or another one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class MendedElements:
    """Which elements were not read as they state (PS3.5 Section 6.2), by tag, in order.

    ``read`` are those whose VR is none, or not that of the value: read by the data dictionary.
    ``emptied`` have a value that no VR of the attribute can have: it counts as empty.
    """

    read: tuple[int, ...] = ()
    emptied: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.read or self.emptied)
