"""OHIF, the DICOMweb viewer, served on one origin with the DICOMweb of an Orthanc.

``.ci/run`` puts the npm package ``@ohif/app`` into ``node_modules/``; its ``dist/`` is the viewer.
"""

import json
import mimetypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError

import pytest

from tests.peers.orthanc import Orthanc

DIST = Path(__file__).parents[2] / "node_modules" / "@ohif" / "app" / "dist"
_CONFIGURATION = {
    "name": "test",
    "routerBasename": "/",
    "extensions": [],
    "modes": [],
    "showStudyList": True,
    "maxNumberOfWebWorkers": 2,
    "showLoadingIndicator": True,
    "showErrorDetails": "always",
    "investigationalUseDialog": {"option": "never"},
    "defaultDataSourceName": "dicomweb",
    "dataSources": [
        {
            "namespace": "@ohif/extension-default.dataSourcesModule.dicomweb",
            "sourceName": "dicomweb",
            "configuration": {
                "friendlyName": "Orthanc",
                "name": "orthanc",
                "wadoUriRoot": "/dicom-web",
                "qidoRoot": "/dicom-web",
                "wadoRoot": "/dicom-web",
                "qidoSupportsIncludeField": True,
                "imageRendering": "wadors",
                "thumbnailRendering": "wadors",
                "enableStudyLazyLoad": True,
                "bulkDataURI": {"enabled": True, "relativeResolution": "series"},
            },
        }
    ],
}


class _Origin(BaseHTTPRequestHandler):
    """The viewer's files, its configuration, and Orthanc's ``/dicom-web``."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/dicom-web/"):
            self._forward()
        elif path == "/app-config.js":
            self._answer(200, "text/javascript", self._configuration())
        else:
            file = DIST / path.lstrip("/")
            # Every address of the single-page application is its first page.
            file = file if file.is_file() else DIST / "index.html"
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._answer(200, kind, file.read_bytes(), cache="max-age=3600")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        """Say nothing: addresses hold UIDs, and the test's output is for the test."""

    def _configuration(self) -> bytes:
        return f"window.config = {json.dumps(_CONFIGURATION)};".encode()

    def _forward(self) -> None:
        headers = {name: value for name in ("Accept", "Range") if (value := self.headers.get(name))}
        headers["Host"] = self.headers["Host"]
        try:
            status, kind, body = self.server.orthanc.fetch(self.path, headers)
        except HTTPError as error:
            status, kind, body = error.code, "text/plain", error.read()
        self._answer(status, kind, body)

    def _answer(self, status: int, kind: str, body: bytes, *, cache: str = "no-store") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", cache)
        self.send_header("Cross-Origin-Opener-Policy", "same-origin")
        self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, orthanc: Orthanc) -> None:
        super().__init__(("127.0.0.1", 0), _Origin)
        self.orthanc = orthanc

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a browser hang up in the middle of an answer, as browsers do."""


@contextmanager
def ohif(orthanc: Orthanc) -> Iterator[str]:
    """Serve OHIF over an Orthanc's studies; yield the address, or skip where it is missing."""
    if not DIST.is_dir():
        pytest.skip("OHIF is not installed (npm package @ohif/app: see .ci/run)")
    server = _Server(orthanc)
    thread = threading.Thread(target=server.serve_forever, name="ohif", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
