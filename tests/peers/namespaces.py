"""Hosts on one machine: network namespaces behind a switch, whose cables can be pulled.

Skipped with a word where namespaces cannot be made (no ``ip``, no right to).
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.peers.process import program

# Of the range for measuring networks (RFC 2544): no machine's own.
_NETWORK = "198.18"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceHost:
    """A host: what runs in it sees its own interface, and this machine by ``switch``."""

    name: str
    address: str
    switch: str

    def command(self) -> tuple[str, ...]:
        """Return what to put before a command that is to run in it."""
        return (program("ip", "iproute2"), "netns", "exec", self.name)

    def cut(self) -> None:
        """Pull its cable: nothing it sends arrives, and nobody tells it so."""
        _ip("link", "set", f"{self.name}s", "down")

    def mend(self) -> None:
        """Put its cable back."""
        _ip("link", "set", f"{self.name}s", "up")


@contextmanager
def namespaces(count: int) -> Iterator[tuple[NamespaceHost, ...]]:
    """Make hosts, and a switch that this machine is connected to; all is gone at the end."""
    number = os.getpid() % 250
    bridge, switch = f"dn{number}", f"{_NETWORK}.{number}.1"
    hosts = tuple(
        NamespaceHost(
            name=f"dn{number}h{index}", address=f"{_NETWORK}.{number}.{10 + index}", switch=switch
        )
        for index in range(count)
    )
    try:
        _ip("link", "add", bridge, "type", "bridge")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr.strip()}")
    try:
        _ip("addr", "add", f"{switch}/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for each in hosts:
            _connect(each, bridge)
        yield hosts
    finally:
        for each in hosts:
            _ip("netns", "del", each.name, check=False)
        _ip("link", "del", bridge, check=False)


def _connect(host: NamespaceHost, bridge: str) -> None:
    inside = ("netns", "exec", host.name, program("ip", "iproute2"))
    _ip("netns", "add", host.name)
    _ip("link", "add", f"{host.name}s", "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _ip("link", "set", f"{host.name}s", "master", bridge, "up")
    _ip(*inside, "addr", "add", f"{host.address}/24", "dev", "eth0")
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "link", "set", "eth0", "up")


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(
        [program("ip", "iproute2"), *arguments],
        check=check,
        capture_output=True,
        text=True,
        timeout=30,
    )
