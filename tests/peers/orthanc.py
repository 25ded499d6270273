"""A real Orthanc: with the project's own files, or with a plain configuration for other tests."""

import base64
import json
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tests.peers.dcmtk import Peer
from tests.peers.process import free_port, program, running

CONFIGURATION = Path(__file__).parents[2] / "orthanc"
USER, PASSWORD = "orthanc", "test-only"  # of a server that lives for one test
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Orthanc:
    """A running Orthanc."""

    peer: Peer
    http_port: int
    log: Path

    @property
    def url(self) -> str:
        """The root of its REST interface."""
        return f"http://127.0.0.1:{self.http_port}"

    def get(self, path: str) -> Any:
        """GET a JSON document."""
        return json.loads(self.request("GET", path))

    def post(self, path: str, body: bytes | dict[str, Any]) -> Any:
        """POST bytes or a JSON document, and return the JSON answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return json.loads(self.request("POST", path, data) or b"null")

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Send a request with the test's user and password; return the answer's bytes."""
        with urlopen(self._request(method, path, body), timeout=_TIMEOUT) as response:  # noqa: S310
            return bytes(response.read())

    def fetch(self, path: str, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """GET with these headers; return status, content type and bytes."""
        request = self._request("GET", path)
        for name, value in headers.items():
            request.add_header(name, value)
        with urlopen(request, timeout=_TIMEOUT) as response:  # noqa: S310
            return response.status, response.headers["Content-Type"], bytes(response.read())

    def _request(self, method: str, path: str, body: bytes | None = None) -> Request:
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request = Request(self.url + path, data=body, method=method)  # noqa: S310  # loopback
        request.add_header("Authorization", f"Basic {credentials}")
        return request

    def upload(self, path: Path) -> str:
        """Store a file by REST; return Orthanc's identifier of the instance."""
        return str(self.post("/instances", path.read_bytes())["ID"])

    def instances(self) -> list[str]:
        """Return the SOP Instance UIDs that it holds."""
        return sorted(
            each["MainDicomTags"]["SOPInstanceUID"] for each in self.get("/instances?expand")
        )

    def studies(self) -> list[str]:
        """Return the Study Instance UIDs that it holds."""
        return sorted(
            each["MainDicomTags"]["StudyInstanceUID"] for each in self.get("/studies?expand")
        )

    def dataset(self, sop_instance_uid: str) -> bytes:
        """Return an instance as a Part 10 file."""
        query = {"Level": "Instance", "Query": {"SOPInstanceUID": sop_instance_uid}}
        (found,) = self.post("/tools/find", query)
        return self.request("GET", f"/instances/{found}/file")

    def alive(self) -> bool:
        """Tell whether it answers."""
        try:
            self.get("/system")
        except (URLError, HTTPError, ConnectionError, TimeoutError):
            return False
        return True


@contextmanager
def orthanc(
    folder: Path,
    *,
    node: Peer | None = None,
    ae_title: str = "ORTHANC",
    stable_age: int = 1,
    environment: Mapping[str, str] | None = None,
    configuration: str = "orthanc.json",
    ready: Callable[[Orthanc], bool] = Orthanc.alive,
) -> Iterator[Orthanc]:
    """Run Orthanc with exactly the files of ``orthanc/``, on free ports, paired with ``node``.

    ``configuration`` is which of them it starts with: they differ in the script that forwards.
    """
    executable = program("Orthanc", "orthanc")
    plugins = Path("/usr/share/orthanc/plugins")
    program_folder = folder / "configuration"
    shutil.copytree(CONFIGURATION, program_folder)
    server = Orthanc(
        peer=Peer(ae_title=ae_title, port=free_port()),
        http_port=free_port(),
        log=folder / "orthanc.log",
    )
    node = node or Peer(ae_title="AINODE", port=free_port())
    settings = {
        "PACS_AE_TITLE": ae_title,
        "PACS_DICOM_PORT": str(server.peer.port),
        "PACS_HTTP_PORT": str(server.http_port),
        "PACS_STORAGE": str(folder / "storage"),
        "PACS_STABLE_AGE": str(stable_age),
        "PACS_PLUGINS": str(plugins),
        "PACS_SCRIPTS": str(program_folder),
        "PACS_USER": USER,
        "PACS_PASSWORD": PASSWORD,
        "NODE_AE_TITLE": node.ae_title,
        "NODE_HOST": node.host,
        "NODE_PORT": str(node.port),
        **(environment or {}),
    }
    command = [executable, program_folder / configuration]
    with running(
        command,
        log=server.log,
        ready=lambda: ready(server),
        environment=settings,
        folder=folder,
        stop=signal.SIGKILL,  # it takes seconds to end in order, and what it holds ends with it
    ):
        yield server
