"""OHIF over an Orthanc, on one origin: its files, and Orthanc's DICOMweb beside them.

The viewer is the npm package ``@ohif/app``, whose ``dist`` is complete in itself; ``.ci/run``
puts it into ``node_modules``.
"""

import json
import mimetypes
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Protocol
from urllib.error import HTTPError

DIST = Path("node_modules") / "@ohif" / "app" / "dist"
_CONFIGURATION = {
    "name": "tour",
    "routerBasename": "/",
    "extensions": [],
    "modes": [],
    "showStudyList": True,
    "maxNumberOfWebWorkers": 2,
    "showLoadingIndicator": True,
    "showErrorDetails": "always",
    "investigationalUseDialog": {"option": "never"},
    # OHIF puts its player over every series of modality OT: over what the overlay says first.
    "customizationService": [{"autoCineModalities": {"$set": ["US"]}}],
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


class Archive(Protocol):
    """Answers DICOMweb."""

    def fetch(self, path: str, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """GET with these headers; return status, content type and bytes."""


class Viewer:
    """Serves OHIF on a port of this machine while its ``with`` block runs."""

    def __init__(self, archive: Archive, dist: Path = DIST) -> None:
        self._server = _Server(archive, dist)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="viewer", daemon=True
        )

    @property
    def url(self) -> str:
        """Its list of studies."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Viewer":
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, archive: Archive, dist: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Origin)
        self.archive = archive
        self.dist = dist.resolve()

    def handle_error(self, request: object, client_address: object) -> None:
        """Let a browser hang up in the middle of an answer, as browsers do."""


class _Origin(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        if path.startswith("/dicom-web/"):
            self._forward()
        elif path == "/app-config.js":
            words = f"window.config = {json.dumps(_CONFIGURATION)};"
            self._answer(200, "text/javascript", words.encode())
        else:
            file = (self.server.dist / path.lstrip("/")).resolve()
            # Every address of the single-page application is its first page.
            if not file.is_file() or not file.is_relative_to(self.server.dist):
                file = self.server.dist / "index.html"
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._answer(200, kind, file.read_bytes(), cache="max-age=3600")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        """Say nothing: addresses hold UIDs."""

    def _forward(self) -> None:
        headers = {name: value for name in ("Accept", "Range") if (value := self.headers.get(name))}
        headers["Host"] = self.headers["Host"]
        try:
            status, kind, body = self.server.archive.fetch(self.path, headers)
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
