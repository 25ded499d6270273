"""Attributes that are imported and made when they are first asked for.

A command that lists what waits is answered by two or three of the node's stores; those that read
DICOM objects load libraries that take longer than the whole command.
"""

import threading
from collections.abc import Callable
from pkgutil import resolve_name
from typing import Any, Generic, Self, TypeVar, overload

T = TypeVar("T")


class Late(Generic[T]):
    """An attribute that ``make`` makes of its owner, once; also where threads ask at once.

    It is kept among the owner's own attributes, so that from the second time on nothing stands
    between.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self._make = make
        self._name = ""
        self._lock = threading.RLock()
        self.__doc__ = make.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, kind: type) -> Self: ...

    @overload
    def __get__(self, owner: object, kind: type) -> T: ...

    def __get__(self, owner: object | None, kind: type) -> Self | T:
        if owner is None:
            return self
        kept = vars(owner)
        with self._lock:
            if self._name not in kept:
                kept[self._name] = self._make(owner)
        found: T = kept[self._name]
        return found


def late_store(target: str, of: str = "engine") -> Late[Any]:
    """Return an attribute that is ``target`` (``module:name``), made of another one.

    What it is to type checkers is said where it is assigned.
    """
    return Late(lambda owner: resolve_name(target)(getattr(owner, of)))


def make_all(owner: object) -> None:
    """Make all of them now, in the order in which they are written.

    Whoever serves for long does so before its threads begin: what is missing or broken is known at
    once, and nobody who asks waits for an import.
    """
    for name, each in vars(type(owner)).items():
        if isinstance(each, Late):
            getattr(owner, name)
