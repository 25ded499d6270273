"""An OpenID Provider: the certified one of npm's package oidc-provider."""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.process import answers, free_port, running

_HERE = Path(__file__).parent / "openid_provider"
_FORM = re.compile(r'<form[^>]* action="([^"]+)"')
CLIENT, SECRET = "ai-node", "opens nothing but this test"


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that runs, and the file of its people."""

    issuer: str
    people: Path

    def know(self, people: Mapping[str, Mapping[str, Any]]) -> None:
        """Say who there is: for each login, what claims say of that person."""
        self.people.write_text(json.dumps(people), encoding="utf-8")


@contextmanager
def openid_provider(
    folder: Path, *redirects: str, offset: int = 0, in_token: bool = False
) -> Iterator[Provider]:
    """Run a provider for one client, or skip where it is missing.

    ``offset`` are the seconds by which its clock is wrong; with ``in_token`` its ID tokens hold the
    claims, else its user info alone.
    """
    node = shutil.which("node")
    if node is None or not (_HERE / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("the OpenID Provider is not installed (npm package oidc-provider: see .ci/run)")
    port = free_port()
    provider = Provider(f"http://127.0.0.1:{port}", folder / f"people-{port}.json")
    provider.know({})
    options = {
        "port": port,
        "people": str(provider.people),
        "client": CLIENT,
        "secret": SECRET,
        "redirects": redirects,
        "offset": offset,
        "inToken": in_token,
    }
    command = [node, _HERE / "provider.mjs", json.dumps(options)]
    with running(command, log=folder / f"openid-{port}.log", ready=lambda: answers(port)):
        yield provider


def sign_in_there(browser: httpx.Client, begin: str, login: str) -> httpx.Response:
    """Begin at the node and sign in at the provider, as a browser does; return the page after."""
    page = browser.get(begin, follow_redirects=True)
    form = _FORM.search(page.text)
    assert form, f"no form of the provider at {page.url}: {page.text[:300]}"
    values = {"prompt": "login", "login": login, "password": "of the provider's own"}
    return browser.post(form[1], data=values, follow_redirects=True)
