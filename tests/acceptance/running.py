"""The node as its users run it: the public command, in a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import pytest
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.delivery import WAITING, DeliveryState
from dicom_node.domain.study import StudyRecord, StudyState
from dicom_node.errors import NodeError
from dicom_node.node.repositories import Repositories
from tests.peers.dcmtk import Peer
from tests.peers.forked import ForkedProcess, fork_node
from tests.peers.process import free_port

CONFIG = Path(__file__).parents[2] / "config"
# Converted models are named by their digests, so every test may use the same ones.
_CONVERTED = Path(tempfile.gettempdir()) / f"dicom-node-test-models-{os.getuid()}"
_COMMAND = Path(sys.executable).with_name("dicom-node")
_OF_THE_NODE = "DICOM_NODE_"
_SETTLED = {
    StudyState.ANALYSED,
    StudyState.NOT_ROUTED,
    StudyState.UNDECIDED,
    StudyState.FAILED,
}
R = TypeVar("R")


@dataclass(slots=True, kw_only=True)
class RunningNode:
    """A node with a data folder of its own on free ports; may be killed and started again."""

    folder: Path
    peer: Peer
    web_port: int
    environment: dict[str, str] = field(default_factory=dict)
    inside: tuple[str, ...] = ()  # what to put before a command that is to run where the node is
    is_forked: bool = True  # from a process that has imported it; not where its start is looked at
    process: subprocess.Popen[str] | ForkedProcess | None = None

    @property
    def log(self) -> Path:
        """What the node says."""
        return self.folder / "node.log"

    def repositories(self) -> Repositories:
        """Open the node's databases and archives, as its command line does."""
        return Repositories(
            NodeSettings.model_validate(
                {
                    "data_dir": self.folder / "data",
                    "network": {"ae_title": self.peer.ae_title},
                    "shared_dir": self.environment.get("DICOM_NODE_SHARED_DIR", ""),
                    "database": {"url": self.environment.get("DICOM_NODE_DATABASE__URL", "")},
                }
            )
        )

    def run(
        self, *arguments: str | Path, timeout: float = 300, said: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run ``dicom-node`` with this node's settings."""
        return subprocess.run(
            [_COMMAND, "--config", CONFIG, *map(str, arguments)],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=timeout,
            input=said,
            check=False,
        )

    def ask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as ``run`` does, in this process.

        To start another takes a second of processor time; that one starts is shown elsewhere.
        """
        done = CliRunner().invoke(
            application, ["--config", str(CONFIG), *arguments], env=self._environment()
        )
        expected = (SystemExit, NodeError)  # of which `dicom_node.cli.main` tells the second
        assert done.exception is None or isinstance(done.exception, expected), done.exc_info
        return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)

    def add_ae(self, title: str, port: int, role: str, *options: str) -> None:
        """Administer an AE title on this machine."""
        words = ("ae", "add", title, "--host", "127.0.0.1", "--port", str(port), "--role", role)
        done = self.ask(*words, *options)
        assert done.returncode == 0, done.stderr or done.stdout

    def start(self, seconds: float = 300) -> None:
        """Start ``dicom-node serve`` and wait until it receives."""
        before = self._starts()
        self.launch()
        self.wait_for("the node to receive", lambda: self._starts() > before, seconds=seconds)

    def launch(self) -> None:
        """Start ``dicom-node serve`` and wait for nothing."""
        command = [*self.inside, str(_COMMAND), "--config", str(CONFIG), "serve"]
        # What libraries read when they are imported can't be changed afterwards.
        is_its_own = all(name.startswith(_OF_THE_NODE) for name in self.environment)
        with self.log.open("a") as log:
            if self.is_forked and is_its_own and not self.inside:
                self.process = fork_node(command, environment=self._environment(), log=log)
                return
            self.process = subprocess.Popen(
                command,
                env=self._environment(),
                stdout=log,
                stderr=log,
                text=True,
            )

    def kill(self) -> None:
        """End the node as a power cut would; its receivers notice and end too."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)

    def stop(self) -> None:
        """Ask the node to stop, and wait for it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)

    def wait_for(self, what: str, probe: Callable[[], R], *, seconds: float = 120) -> R:
        """Return the first true answer of ``probe``, or fail with the end of the node's log."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if answer := probe():
                return answer
            if self.process is not None and self.process.poll() not in (None, -signal.SIGKILL):
                break
            time.sleep(0.05)
        tail = "\n".join(self.log.read_text().splitlines()[-40:]) if self.log.exists() else ""
        pytest.fail(f"waited in vain for {what}; the node said:\n{tail}")

    def settled(
        self, study_instance_uid: str, *, revision: int = 1, seconds: float = 120
    ) -> StudyRecord:
        """Wait until a study's analysis has ended, and return how."""
        repositories = self.repositories()

        def ended() -> StudyRecord | None:
            found = [
                each
                for each in repositories.index.recent(1000)
                if each.study_instance_uid == study_instance_uid
            ]
            done = found and found[0].state in _SETTLED and found[0].revision >= revision
            return found[0] if done else None

        record = self.wait_for("the study to be analysed", ended, seconds=seconds)
        repositories.engine.dispose()
        assert record is not None
        return record

    def processor_seconds(self) -> float:
        """Return what its processes that run have taken of the processor."""
        assert self.process is not None
        main = psutil.Process(self.process.pid)
        taken = 0.0
        for each in (main, *main.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                times = each.cpu_times()
                taken += times.user + times.system
        return taken

    def has_delivered(self) -> bool:
        """Tell whether something was to deliver and all of it is: what a peer has, is whole."""
        repositories = self.repositories()
        states = {state for _, state in repositories.deliveries.counts()}
        repositories.close()
        return states == {DeliveryState.DELIVERED}

    def is_ready(self) -> bool:
        """Tell whether it takes studies and a worker has its models."""
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.web_port}/health/ready", timeout=60)
        except httpx.TransportError:
            return False
        return answer.status_code == HTTPStatus.OK

    def health(self) -> dict[str, Any]:
        """Return what it says of itself, well or not."""
        address = f"http://127.0.0.1:{self.web_port}/health"
        found: dict[str, Any] = httpx.get(address, timeout=60).json()
        return found

    def owes(self, destination: str) -> bool:
        """Tell whether something waits for a destination."""
        repositories = self.repositories()
        counts = repositories.deliveries.counts()
        repositories.close()
        return any(title == destination and state in WAITING for title, state in counts)

    def _starts(self) -> int:
        return self.log.read_text().count("receiving ae_title") if self.log.exists() else 0

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DICOM_NODE_DATA_DIR": str(self.folder / "data"),
            "DICOM_NODE_NETWORK__HOST": "127.0.0.1",
            "DICOM_NODE_NETWORK__PORT": str(self.peer.port),
            "DICOM_NODE_WEB__PORT": str(self.web_port),
            # Each one more costs seconds of processor time at every start.
            "DICOM_NODE_WORKERS__COUNT": "1",
            "DICOM_NODE_WORKFLOW__SWEEP_INTERVAL": "1",
            "DICOM_NODE_WORKFLOW__FIRST_RETRY_DELAY": "1",
            **self.environment,
        }


@contextmanager
def running_node(folder: Path, **environment: str) -> Iterator[RunningNode]:
    """Make a node that is not started yet; whatever runs at the end is stopped."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    _CONVERTED.mkdir(exist_ok=True)
    (folder / "data" / "cache").symlink_to(_CONVERTED)
    node = RunningNode(
        folder=folder,
        peer=Peer(ae_title="AINODE", port=free_port()),
        web_port=free_port(),
        environment=environment,
    )
    try:
        yield node
    finally:
        node.stop()
