"""A real node in a process of its own, run by its public command."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from dicom_node.demo.errors import DemoError
from dicom_node.network.errors import AssociationError
from dicom_node.network.storage_scu import Destination, ScuTimeouts, echo
from dicom_node.settings import load_settings

AE_TITLE = "AINODE"
_COMMAND = Path(sys.executable).with_name("dicom-node")
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_COMMAND_SECONDS = 60.0
_LOG_LINES = 15
# Of the user's configuration only this: his own destinations and databases are not for play.
_CONFIGURATION = ("routes.toml", "models.toml")


class NodeProcess:
    """``dicom-node serve`` with a folder of its own, while the ``with`` block runs."""

    def __init__(self, folder: Path, *, config_dir: Path) -> None:
        """Lay out ``folder``; routes and models come from ``config_dir``."""
        self.folder = folder
        self.port = _free_port()
        self._config_dir = folder / "config"
        self._config_dir.mkdir(parents=True, exist_ok=True)
        for name in _CONFIGURATION:
            try:
                shutil.copyfile(config_dir / name, self._config_dir / name)
            except OSError as error:
                raise DemoError(
                    f"{config_dir / name} cannot be read ({error.strerror}): run this in the "
                    "project's folder, or name the folder with --config."
                ) from error
        # A model that the user has trained and promoted is the one to demonstrate.
        models = load_settings(config_dir).models_dir.resolve()
        if models.is_dir():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            (self.data_dir / "models").symlink_to(models)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def data_dir(self) -> Path:
        """The node's data folder."""
        return self.folder / "data"

    @property
    def database_url(self) -> str:
        """Where the node keeps its index and Hotbase."""
        return f"sqlite:///{self.data_dir.resolve() / 'hotbase.sqlite'}"

    @property
    def log(self) -> Path:
        """What the node says."""
        return self.folder / "node.log"

    @property
    def address(self) -> Destination:
        """Where the node receives."""
        return Destination(ae_title=AE_TITLE, host="127.0.0.1", port=self.port)

    def __enter__(self) -> "NodeProcess":
        """Start it, without waiting until it receives."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - the project's own command
                [_COMMAND, "--config", self._config_dir, "serve"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Ask it to stop, and wait for it."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def command(self, *arguments: str) -> None:
        """Run ``dicom-node`` with this node's settings.

        Raises
        ------
        DemoError
            When the command fails; the message repeats what it said.
        """
        done = subprocess.run(  # noqa: S603 - the project's own command
            [_COMMAND, "--config", self._config_dir, *arguments],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise DemoError(f"`dicom-node {' '.join(arguments)}` failed: {said}")

    def wait_until_ready(self, calling_ae: str) -> None:
        """Return when the node answers a C-ECHO from an AE title that it knows.

        Raises
        ------
        DemoError
            When it ends or does not answer; the message holds the end of its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.require_running()
            try:
                echo(self.address, calling_ae=calling_ae, timeouts=ScuTimeouts(connection=1.0))
            except AssociationError:
                time.sleep(0.05)
            else:
                return
        raise DemoError(f"the node did not start within {_START_SECONDS:.0f} s:\n{self._said()}")

    def require_running(self) -> None:
        """Raise a DemoError when the node has ended."""
        if self._process is None or self._process.poll() is not None:
            raise DemoError(f"the node has ended; it said:\n{self._said()}")

    def _said(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LOG_LINES:])

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if "DICOM_NODE_" not in name}
        return own | {
            "DICOM_NODE_DATA_DIR": str(self.data_dir.resolve()),
            "DICOM_NODE_NETWORK__AE_TITLE": AE_TITLE,
            "DICOM_NODE_NETWORK__HOST": "127.0.0.1",
            "DICOM_NODE_NETWORK__PORT": str(self.port),
            "DICOM_NODE_NETWORK__RECEIVERS": "1",
            "DICOM_NODE_WEB__PORT": "0",
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
