"""DCMTK's network tools, as users run them."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.process import answers, free_port, program, running

_PACKAGE = "dcmtk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Where an SCP listens and what it is called."""

    ae_title: str
    port: int
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreScp:
    """A running DCMTK ``storescp`` and the folder that it writes to."""

    peer: Peer
    folder: Path

    def files(self) -> list[Path]:
        """Return what it has received, by name."""
        return sorted(path for path in self.folder.iterdir() if path.is_file())


def run(
    tool: str, *arguments: str | Path, timeout: float = 120.0
) -> subprocess.CompletedProcess[str]:
    """Run one of DCMTK's tools to its end, without Nagle's delays."""
    return subprocess.run(
        [program(tool, _PACKAGE), *map(str, arguments)],
        env={**os.environ, "TCP_NODELAY": "1"},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def echoscu(
    peer: Peer, *, calling: str, options: Sequence[str] = ()
) -> subprocess.CompletedProcess[str]:
    """Verify a peer; its exit status is 0 when the peer answered."""
    return run("echoscu", *options, *_titles(peer, calling), peer.host, str(peer.port))


def storescu(
    peer: Peer, paths: Sequence[Path], *, calling: str, options: Sequence[str | Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Send files, or folders, over one association; ``-v`` prints each response."""
    return run(
        "storescu", *options, *_titles(peer, calling), "+sd", peer.host, str(peer.port), *paths
    )


def dcmsend(
    peer: Peer, paths: Sequence[Path], *, calling: str, options: Sequence[str | Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Send files, whatever their transfer syntaxes, over as many associations as that takes."""
    return run(
        "dcmsend", *options, *_titles(peer, calling), "+sd", peer.host, str(peer.port), *paths
    )


@contextmanager
def storescp(
    folder: Path,
    *,
    ae_title: str = "STORESCP",
    options: Sequence[str] = ("+xa",),
    port: int | None = None,
) -> Iterator[StoreScp]:
    """Run a ``storescp`` that writes what it gets, bytes as received, into ``folder``."""
    received = folder / "received"
    received.mkdir(parents=True)
    port = port or free_port()
    command = [
        program("storescp", _PACKAGE),
        *options,
        "--bit-preserving",
        "-aet",
        ae_title,
        "-od",
        received,
        str(port),
    ]
    with running(command, log=folder / "storescp.log", ready=lambda: answers(port)):
        yield StoreScp(peer=Peer(ae_title=ae_title, port=port), folder=received)


@contextmanager
def wlmscpfs(folder: Path, *, ae_title: str = "RIS") -> Iterator[tuple[Peer, Path]]:
    """Run a ``wlmscpfs``; yields where it listens, and the folder of its worklist files."""
    files = folder / ae_title
    files.mkdir(parents=True)
    (files / "lockfile").touch()
    port = free_port()
    # Without --disable-file-reject it passes over items that lack what nobody here asks for.
    command = [program("wlmscpfs", _PACKAGE), "-dfr", "-dfp", folder, str(port)]
    with running(command, log=folder / "wlmscpfs.log", ready=lambda: answers(port)):
        yield Peer(ae_title=ae_title, port=port), files


def _titles(peer: Peer, calling: str) -> tuple[str, ...]:
    return ("-aet", calling, "-aec", peer.ae_title)


def only_classes(folder: Path, sop_classes: Sequence[str]) -> tuple[str, ...]:
    """Return the options of a ``storescp`` that takes these SOP Classes, uncompressed, alone."""
    accepted = [f"PresentationContext{n} = {uid}\\Plain" for n, uid in enumerate(sop_classes, 1)]
    lines = [
        "[[TransferSyntaxes]]",
        "[Plain]",
        "TransferSyntax1 = LittleEndianExplicit",
        "TransferSyntax2 = LittleEndianImplicit",
        "[[PresentationContexts]]",
        "[Strict]",
        *accepted,
        "[[Profiles]]",
        "[Strict]",
        "PresentationContexts = Strict",
    ]
    profile = folder / "strict.cfg"
    profile.write_text("\n".join(lines) + "\n", encoding="ascii")
    return ("-xf", str(profile), "Strict")
