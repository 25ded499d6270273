"""An Orthanc of the tour's own: the PACS that results go to, where it is installed."""

import base64
import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from urllib.error import URLError
from urllib.request import Request, urlopen

from dicom_node.demo.errors import DemoError
from dicom_node.demo.node_process import free_port
from dicom_node.network.associations import Destination

USER = "tour"
_PLUGINS = Path("/usr/share/orthanc/plugins")
_DICOMWEB = "libOrthancDicomWeb.so"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_ANSWER_SECONDS = 30.0


def installed() -> Path | None:
    """Return where Orthanc with its DICOMweb plug-in is, or None."""
    found = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")
    return Path(found) if found and (_PLUGINS / _DICOMWEB).is_file() else None


class TourOrthanc:
    """Orthanc with the project's configuration in a folder of its own, in a ``with`` block."""

    def __init__(self, program: Path, folder: Path, *, configuration: Path, sender: str) -> None:
        """Lay out ``folder``; ``sender`` is the AE title of the node, which alone may store."""
        self._program = program
        self._folder = folder
        self._sender = sender
        shutil.copytree(configuration, folder / "configuration")
        # Images are put here by the tour: nothing is to be forwarded.
        (folder / "configuration" / "route-to-node.lua").write_text("", encoding="utf-8")
        self.address = Destination(ae_title="TOUR_PACS", host="127.0.0.1", port=free_port())
        self.http_port = free_port()
        self.password = secrets.token_urlsafe(12)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The root of its pages."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def process_id(self) -> int | None:
        """Its process, where it has been started."""
        return self._process.pid if self._process else None

    def __enter__(self) -> "TourOrthanc":
        """Start it and wait until it answers.

        Raises
        ------
        DemoError
            When it ends, or does not answer.
        """
        log = self._folder / "orthanc.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - an installed program, no user's words
                [self._program, self._folder / "configuration" / "orthanc.json"],
                env=os.environ | self._environment(),
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._answers():
                return self
            time.sleep(0.1)
        self._stop()
        said = "\n".join(log.read_text(errors="replace").splitlines()[-10:])
        raise DemoError(f"Orthanc did not start; it said:\n{said}")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self._stop()

    def upload(self, files: Iterable[Path]) -> None:
        """Put images beside the results that will come."""
        for file in files:
            self.answer("/instances", body=file.read_bytes())

    def fetch(self, path: str, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """GET with these headers; return status, content type and bytes."""
        with urlopen(self._request(path, headers), timeout=_ANSWER_SECONDS) as response:  # noqa: S310
            return response.status, response.headers["Content-Type"], bytes(response.read())

    def answer(self, path: str, body: bytes | None = None) -> object:
        """GET, or POST a body; return the JSON answer."""
        with urlopen(self._request(path, {}, body), timeout=_ANSWER_SECONDS) as response:  # noqa: S310
            return json.loads(response.read())

    def _request(self, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Request:
        secret = base64.b64encode(f"{USER}:{self.password}".encode()).decode()
        # The address is this machine's own.
        return Request(  # noqa: S310
            self.url + path, data=body, headers={**headers, "Authorization": f"Basic {secret}"}
        )

    def _answers(self) -> bool:
        try:
            self.answer("/system")
        except (URLError, OSError):
            return False
        return True

    def _environment(self) -> dict[str, str]:
        return {
            "PACS_AE_TITLE": self.address.ae_title,
            "PACS_DICOM_PORT": str(self.address.port),
            "PACS_HTTP_PORT": str(self.http_port),
            "PACS_STORAGE": str((self._folder / "storage").resolve()),
            "PACS_PLUGINS": str(_PLUGINS),
            "PACS_NAME": "PACS of the tour",
            "PACS_USER": USER,
            "PACS_PASSWORD": self.password,
            "NODE_AE_TITLE": self._sender,
        }

    def _stop(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
