"""A real node in a process of its own, run by its public command."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType

from dicom_node.configuration.settings import load_settings
from dicom_node.demo.errors import DemoError
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.errors import AssociationError
from dicom_node.network.storage_scu import echo

AE_TITLE = "AINODE"
_COMMAND = Path(sys.executable).with_name("dicom-node")
_START_SECONDS = 120.0
_STOP_SECONDS = 20.0
_LOG_LINES = 15
# Of the user's configuration only this: the user's own destinations and databases are not for play.
_CONFIGURATION = ("routes.toml", "models.toml")
_AE_TITLES = """
[[ae]]
title = "{modality}"
host = "127.0.0.1"
port = 104  # nothing is ever sent to it
roles = ["modality"]
destinations = ["{pacs}"]
quiet_period = 0

[[ae]]
title = "{pacs}"
host = "127.0.0.1"
port = {pacs_port}
roles = ["pacs"]
"""


class NodeProcess:
    """``dicom-node serve`` with a folder of its own, while the ``with`` block runs."""

    def __init__(
        self,
        folder: Path,
        *,
        config_dir: Path,
        modality: str,
        pacs: Destination,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Lay out ``folder``: routes and models as in ``config_dir``, and two AE titles.

        ``settings`` are environment variables that go over the demonstration's own; until the
        ``with`` block begins, files in ``config_dir`` of this node may still be added to.

        Raises
        ------
        NodeError
            When the configuration cannot be read.
        """
        self.folder = folder
        self.port = free_port()
        self._modality = modality
        self.settings = settings
        self.config_dir = folder / "config"
        self.config_dir.mkdir(parents=True, exist_ok=True)
        _copy_configuration(config_dir, self.config_dir)
        (self.config_dir / "ae_titles.toml").write_text(
            _AE_TITLES.format(modality=modality, pacs=pacs.ae_title, pacs_port=pacs.port),
            encoding="utf-8",
        )
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
                [_COMMAND, "--config", self.config_dir, "serve"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for who started this: the node is asked to stop when its turn comes.
                start_new_session=True,
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

    def wait_until_ready(self) -> None:
        """Return when the node answers a C-ECHO from the modality.

        Raises
        ------
        DemoError
            When it ends or does not answer; the message holds the end of its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            self.require_running()
            try:
                echo(self.address, calling_ae=self._modality, timeouts=ScuTimeouts(connection=1.0))
            except AssociationError:
                time.sleep(0.05)
            else:
                return
        raise DemoError(f"the node did not start within {_START_SECONDS:.0f} s:\n{self._said()}")

    @property
    def process_id(self) -> int | None:
        """The node's process, where it has been started."""
        return self._process.pid if self._process else None

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
            **self.settings,
        }


def _copy_configuration(source: Path, target: Path) -> None:
    for name in _CONFIGURATION:
        try:
            shutil.copyfile(source / name, target / name)
        except OSError as error:
            raise DemoError(
                f"{source / name} cannot be read ({error.strerror}): run this in the project's "
                "folder, or name the folder with --config."
            ) from error


def free_port() -> int:
    """Return a TCP port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
