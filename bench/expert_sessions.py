"""Experts at the worklist's pages, each with a session over HTTP: what they do and are told.

Of its own, so that a process of experts starts in no time.
"""

import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

PASSWORD = "a bench in the dark"  # noqa: S105 - opens nothing but the bench
_SHARE_OF_ROWS, _SHARE_OF_WRONGS = 0.5, 0.1
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_CLAIMABLE = re.compile(r'action="/worklist/items/([0-9a-f]{32})/claim"')
_PANEL = re.compile(r'<aside id="panel"[^>]*>')
_ITEM, _MINE = re.compile(r' data-item="([0-9a-f]{32})"'), re.compile(r' data-mine="(\d)"')


@dataclass(slots=True)
class Tally:
    """What experts were told: who signed which items, and how often they were refused."""

    signed: list[tuple[str, str]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    verdict_ms: list[float] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take in what others were told."""
        self.signed += other.signed
        self.answers += other.answers
        self.verdict_ms += other.verdict_ms


def read_together(address: str, names: Sequence[str], seconds: float) -> Tally:
    """Be several experts, each in a thread; the time begins when all have signed in."""
    together = Tally()
    with ThreadPoolExecutor(len(names)) as threads:
        experts = list(threads.map(_Expert, [address] * len(names), names))
        until = time.monotonic() + seconds
        for each in [threads.submit(expert.read, until) for expert in experts]:
            together.add(each.result())
    return together


def held_item(answer: str) -> str:
    """Return the item that a verdict's answer shows to read next; empty when nothing is left.

    Raises
    ------
    RuntimeError
        It shows a panel of which that cannot be told: who went on without it would do more than
        experts do.
    """
    panel = _PANEL.search(answer)
    if panel is None:
        if "panel" in answer:
            raise RuntimeError(f"No panel to read in an answer: {answer[:200]}")
        return ""
    item, mine = _ITEM.search(panel[0]), _MINE.search(panel[0])
    if item is None or mine is None:
        raise RuntimeError(f"A panel does not say whose it is: {panel[0][:200]}")
    return item[1] if mine[1] == "1" else ""


class _Expert:
    """One person's browser."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self.tally = Tally()
        self._chance = random.Random(name)  # noqa: S311 - which row to take, nothing secret
        self._client = httpx.Client(
            base_url=address, timeout=60, headers={"Accept": "text/html"}, follow_redirects=True
        )
        form = {"name": name, "password": PASSWORD, "csrf_token": self._token()}
        self._client.post("/sign-in", data=form)
        self._client.headers["X-CSRF-Token"] = self._token()
        self._client.headers["HX-Request"] = "true"
        self._client.follow_redirects = False

    def read(self, until: float) -> Tally:
        """Read until the time is over or nothing is left."""
        shown = ""
        while time.monotonic() < until:
            shown = shown or self._claim()
            if not shown:
                break
            shown = self._sign(shown)
        self._client.close()
        return self.tally

    def _token(self) -> str:
        page = self._client.get("/")
        found = _TOKEN.search(page.text)
        if found is None:
            raise RuntimeError(f"{self.name} cannot sign in: {page.status_code}")
        return found[1]

    def _claim(self) -> str:
        """Claim the next item, or a row that others may be after; empty when none is left."""
        rows = _CLAIMABLE.findall(self._client.get("/worklist").text)
        if rows and self._chance.random() < _SHARE_OF_ROWS:
            row: str = self._chance.choice(rows)
            answer = self._client.post(f"/worklist/items/{row}/claim", params={"open": "1"})
            self._note("claim", answer)
            if answer.is_success:
                return self._opened(row)
        answer = self._client.post("/worklist/next")
        return self._opened(answer.headers.get("Location", "").partition("/items/")[2])

    def _opened(self, item: str) -> str:
        if item:
            self._client.get(f"/worklist/items/{item}").raise_for_status()
        return item

    def _sign(self, item: str) -> str:
        """Agree with an item; return the one that the answer shows."""
        if self._chance.random() < _SHARE_OF_WRONGS:
            # Of another item, which nobody, another expert or this one before may have signed.
            other = self._chance.choice(self.tally.signed)[0] if self.tally.signed else item
            if other != item:
                self._note("wrong verdict", self._verdict(other))
        started = time.perf_counter()
        answer = self._verdict(item)
        self._note("verdict", answer)
        if not answer.is_success:
            return ""
        self.tally.verdict_ms.append((time.perf_counter() - started) * 1000)
        self.tally.signed.append((item, self.name))
        if len(self.tally.signed) == 1 or self._chance.random() < _SHARE_OF_WRONGS:
            self._note("second signature", self._verdict(item))
        shown = held_item(answer.text)
        self.tally.answers["next study shown"] += bool(shown)
        if shown and self._chance.random() < _SHARE_OF_ROWS:
            self._client.post(f"/worklist/items/{shown}/release").raise_for_status()
            return ""
        return shown

    def _verdict(self, item: str) -> httpx.Response:
        return self._client.post(f"/worklist/items/{item}/verdict", data={"overall": "agree"})

    def _note(self, what: str, answer: httpx.Response) -> None:
        taken = "taken" if answer.is_success else f"refused ({answer.status_code})"
        self.tally.answers[f"{what} {taken}"] += 1
