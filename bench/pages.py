"""What the pages cost: the worklist at a million items, bytes sent, and the first paint.

The worklist is asked for over HTTP. With SQLite, server and client share this process, and its
processor time is measured, so that whatever else the machine does tells on none; with PostgreSQL
it is the clock, since another process works too. Bytes are those that a browser gets, compressed,
with all scripts and styles that a page names. The first paint is what Chromium says of itself, by
the clock, with the scripts and styles that it has kept.
"""

import argparse
import re
import shutil
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
from playwright.sync_api import Browser
from rich.console import Console

from bench.expert_sessions import PASSWORD
from bench.experts import expert_name, worklist_served
from bench.review_queue import ITEMS, fill
from bench.rows import Row, as_table
from tests.peers.chromium import chromium
from tests.peers.postgresql import postgresql

QUEUE_MS, QUEUE_KB, PAINT_MS = 100.0, 150.0, 300.0
_ROUNDS = 8
_ADDRESSES = ("", "?sort=newest", "?sort=uncertainty", "?label=pneumothorax", "?shown=decided")
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_NAMED = re.compile(r'(?:src|href)="(/static/[^"]+\.(?:js|css|svg))"')
_PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


def measure(items: int = ITEMS) -> list[Row]:
    """Fill a worklist in each database, and look at it as an expert does."""
    rows = _measured("SQLite", "", items)
    if shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with postgresql() as server:
            rows += _measured("PostgreSQL", server.database(f"bench_{uuid.uuid4().hex}"), items)
    return rows


def _measured(database: str, url: str, items: int) -> list[Row]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        worklist_served(Path(folder), url, 1, lambda kept: fill(kept.engine, items)) as served,
    ):
        address = served[2]
        if url:
            return _asked(address, items, database, time.perf_counter)
        rows = _asked(address, items, database, time.process_time)
        if shutil.which("chromium"):
            with chromium() as browser:
                rows += _painted(browser, address, items)
    return rows


def _asked(address: str, items: int, database: str, clock: Callable[[], float]) -> list[Row]:
    by = "by the clock" if clock is time.perf_counter else "processor time"
    with httpx.Client(base_url=address, timeout=60, follow_redirects=True) as client:
        found = _TOKEN.search(client.get("/sign-in").text)
        token = found[1] if found else ""
        form = {"name": expert_name(0), "password": PASSWORD, "csrf_token": token}
        client.post("/sign-in", data=form)
        rows = []
        for query in _ADDRESSES:
            taken = []
            for _ in range(_ROUNDS):
                begun = clock()
                client.get(f"/worklist{query}").raise_for_status()
                taken.append((clock() - begun) * 1000)
            condition = f"{items:,} items, slowest of {_ROUNDS}: {max(taken):.0f} ms"
            rows.append(
                Row(
                    name=f"/worklist{query}",
                    value=statistics.median(taken),
                    unit="ms",
                    condition=f"{database}, {by}, {condition}; limit {QUEUE_MS:.0f} ms",
                )
            )
        page = client.get("/worklist")
        named = sorted(set(_NAMED.findall(page.text)))
        sent = sum(client.get(each).num_bytes_downloaded for each in named)
    return [
        *rows,
        Row(
            name="Bytes of /worklist with scripts and styles",
            value=(page.num_bytes_downloaded + sent) / 1000,
            unit="kB",
            condition=f"compressed, {len(named)} files beside the page; limit {QUEUE_KB:.0f} kB",
        ),
    ]


def _painted(browser: Browser, address: str, items: int) -> list[Row]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.get_by_label("Name").fill(expert_name(0))
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/worklist")
    taken = []
    for _ in range(_ROUNDS):
        page.goto(f"{address}/worklist")
        page.wait_for_function(_PAINTED)
        taken.append(float(page.evaluate(_PAINTED)))
    context.close()
    condition = f"by the clock, {items:,} items, slowest of {_ROUNDS}: {max(taken):.0f} ms"
    return [
        Row(
            name="First paint of /worklist, with what the browser keeps",
            value=statistics.median(taken),
            unit="ms",
            condition=f"{condition}; limit {PAINT_MS:.0f} ms",
        )
    ]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--items", type=int, default=ITEMS, help="how many items")
    Console().print(as_table(measure(parser.parse_args().items)))


if __name__ == "__main__":
    main()
