"""Styles and scripts: compressed, and kept by browsers for as long as their content is the same.

Each is asked for below a digest of all of them, ``/static/DIGEST/ui/pages.js``, so that a new
version is another address and an old one never has to be asked about again. What refers to others
beside it (a script to its parts) stays below the same digest. Pages themselves are not compressed:
they hold secrets of the session beside what a caller may have typed (BREACH).
"""

import gzip
import hashlib
import mimetypes
import threading
from collections.abc import Mapping
from pathlib import Path

import brotli
from fastapi import APIRouter, HTTPException, Request, Response

_DIGITS = 16
# Not public: the session's cookie may come with any answer.
_KEPT = "private, max-age=31536000, immutable"
_TEXTS = frozenset({".js", ".css", ".svg", ".txt", ".json", ".map"})
_WORTH_IT = 1024
# Of 11 and 9: what takes a tenth of a second for the largest script, once, and little more room.
_BROTLI, _GZIP = 6, 6


class Assets:
    """The files below one folder, read and compressed when they are first asked for."""

    def __init__(self, folder: Path) -> None:
        """Find the files, and their digest."""
        self._files: Mapping[str, Path] = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        found = hashlib.sha256()
        for name, path in self._files.items():
            found.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        self.digest = found.hexdigest()[:_DIGITS]
        self._made: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()

    def url(self, name: str) -> str:
        """Return the address of a file; of one that is missing, a KeyError."""
        self._files[name]
        return f"/static/{self.digest}/{name}"

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return name in self._files

    def encoding_for(self, name: str, accepted: str) -> str:
        """Return how a file is best sent to who accepts these encodings: br, gzip or nothing."""
        if Path(name).suffix not in _TEXTS or self._files[name].stat().st_size < _WORTH_IT:
            return ""
        wanted = _encodings(accepted)
        return next((each for each in ("br", "gzip") if each in wanted), "")

    def content(self, name: str, encoding: str) -> bytes:
        """Return a file's bytes in an encoding; made once."""
        with self._lock:
            found = self._made.get((name, encoding))
            if found is None:
                found = _encoded(self._files[name].read_bytes(), encoding)
                self._made[name, encoding] = found
            return found


def make_router(assets: Assets) -> APIRouter:
    """Return the route of the files; whoever asks for another digest gets nothing."""
    router = APIRouter()

    @router.api_route(
        "/static/{digest}/{name:path}", methods=["GET", "HEAD"], include_in_schema=False
    )
    def asset(request: Request, digest: str, name: str) -> Response:
        if digest != assets.digest or not assets.has(name):
            raise HTTPException(404)
        encoding = assets.encoding_for(name, request.headers.get("Accept-Encoding", ""))
        headers = {"Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
        if encoding:
            headers["Content-Encoding"] = encoding
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(assets.content(name, encoding), media_type=kind, headers=headers)

    return router


def _encodings(accepted: str) -> frozenset[str]:
    """Return what an Accept-Encoding header names, but for what it refuses (q=0)."""
    parts = [each.replace(" ", "").lower().partition(";q=") for each in accepted.split(",")]
    return frozenset(name for name, _, q in parts if name and (not q or q.strip("0.") != ""))


def _encoded(content: bytes, encoding: str) -> bytes:
    if encoding == "br":
        return bytes(brotli.compress(content, quality=_BROTLI))
    return gzip.compress(content, compresslevel=_GZIP, mtime=0) if encoding else content
