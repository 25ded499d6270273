"""The search for a patient's results: whom somebody looks for never stands in an address.

What was typed is kept in memory, and addresses hold a key to it, which opens it to nobody else.
"""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from dicom_node.domain.user import Permission, User

MOST_STUDIES = 500
# A name has three groups of 64 characters at most (PS3.5 6.2, VR PN), with signs between them.
LONGEST = 256
_MOST_KEPT = 5_000
_KEY_BYTES = 12
FindStudies = Callable[[str, int], frozenset[str]]


class PatientSearches:
    """Searches by their keys; the oldest are forgotten where there are very many."""

    def __init__(self, find: FindStudies) -> None:
        """Take what returns at most so many studies that words are about."""
        self._find = find
        self._kept: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._lock = Lock()

    def begin(self, user: User, words: str) -> str:
        """Keep what somebody typed, and return its key; nothing typed has none."""
        said = " ".join(words.split())[:LONGEST]
        if not said:
            return ""
        key = secrets.token_urlsafe(_KEY_BYTES)
        with self._lock:
            self._kept[key] = (user.name, said)
            if len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return key

    def words(self, user: User, key: str) -> str:
        """Return what somebody typed; an empty text where it is not known any more."""
        with self._lock:
            name, words = self._kept.get(key, ("", ""))
        return words if name == user.name and user.may(Permission.IMAGES) else ""

    def studies(self, user: User, key: str) -> frozenset[str] | None:
        """Return the studies that a search finds now; None where nothing is searched for."""
        words = self.words(user, key)
        return self._find(words, MOST_STUDIES) if words else None
