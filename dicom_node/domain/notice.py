"""What people are told of: matters that stand, what is told of them, and to whom."""

import re
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum

from dicom_node.errors import InvalidFieldsError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
_RULE = re.compile(r"([^<>=]+?) *>= *(0?\.\d+|[01])")
_LONGEST_URL = 2000


class Weight(StrEnum):
    """How much a matter weighs: what a channel is told of, and whether quiet hours hold it."""

    FAILING = "failing"
    """The node doesn't do its work; told in quiet hours too."""
    FINDING = "finding"
    """A finding that a rule calls urgent; told in quiet hours too."""
    DEGRADED = "degraded"
    """The node does its work, but somebody has to look."""

    @property
    def waits(self) -> bool:
        """Whether it is for later in quiet hours."""
        return self is Weight.DEGRADED


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """Something that people are to know of, for as long as it stands.

    ``key`` says which matter it is, ``state`` what it is like: it is told again only when that
    changes. Neither they nor the words name a patient; ``path`` leads to the page that does.
    """

    key: str
    weight: Weight
    words: str
    state: str = ""
    advice: str = ""
    path: str = ""

    @property
    def fingerprint(self) -> str:
        """What is compared to see whether it changed."""
        return f"{self.weight}|{self.state}"

    @property
    def ends(self) -> bool:
        """Whether its end is news; a finding has none."""
        return self.weight is not Weight.FINDING


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a channel was told last of one matter."""

    key: str
    fingerprint: str
    words: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a channel is told at once: what is new or changed, and what is well again."""

    matters: tuple[Matter, ...] = ()
    over: tuple[Told, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.matters or self.over)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Where notices go: a name, an address that may hold secrets, and what of.

    ``url`` is one of Apprise's: ``mailtos://…`` (e-mail), ``json://…`` (webhook), ``syslog://``.
    It is left out wherever the channel is printed.
    """

    name: str
    url: str = field(repr=False)
    weights: frozenset[Weight] = frozenset(Weight)

    def __post_init__(self) -> None:
        """Check name, address and weights.

        Raises
        ------
        InvalidFieldsError
            When one cannot be used; it says of each why, and never shows the address.
        """
        wrong = {}
        if not _NAME.fullmatch(self.name):
            wrong["name"] = "1 to 40 letters, digits, blanks, dots or dashes."
        if "://" not in self.url or not 0 < len(self.url) <= _LONGEST_URL:
            wrong["url"] = "an address such as mailtos://user:password@mail.example.org?to=it@…"
        if not self.weights:
            wrong["weights"] = "choose at least one kind of notice."
        if wrong:
            raise InvalidFieldsError(f"channel {self.name}", wrong)

    @property
    def service(self) -> str:
        """The scheme of the address, which holds no secret: mailtos, json, syslog."""
        return self.url.partition("://")[0].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """The hours of each day in which only what weighs most is told; they may pass midnight."""

    begin: time
    end: time

    @classmethod
    def read(cls, text: str) -> "QuietHours | None":
        """Read ``22:00-06:00``; nothing is None.

        Raises
        ------
        ValueError
            When it is written otherwise.
        """
        if not text:
            return None
        found = _HOURS.fullmatch(text)
        if found is None:
            raise ValueError("write two times of day: 22:00-06:00")
        hours = [int(each) for each in found.groups()]
        return cls(begin=time(hours[0], hours[1]), end=time(hours[2], hours[3]))

    def hold(self, at: time) -> bool:
        """Whether a time of day, of the same zone, is one of them."""
        if self.begin <= self.end:
            return self.begin <= at < self.end
        return at >= self.begin or at < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class UrgentRule:
    """A finding that people are told of at once, from a probability on."""

    label: str
    least: float

    @classmethod
    def read(cls, text: str) -> "UrgentRule":
        """Read ``Pneumothorax>=0.8``.

        Raises
        ------
        ValueError
            When it is written otherwise.
        """
        found = _RULE.fullmatch(text.strip())
        if found is None:
            raise ValueError("write a label and a probability: Pneumothorax>=0.8")
        return cls(label=found[1], least=float(found[2]))
