"""Stands between a client and a peer's REST interface, and holds a request or hangs up."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.request import Request, urlopen

_HEADERS = ("Authorization", "Content-Type")
_PATIENCE = 60.0


@dataclass(slots=True)
class RestProxy:
    """What becomes of requests: passed on, but for those that ``holds`` or ``drops`` name."""

    peer: str
    url: str = ""
    holds: Callable[[str, str], bool] = lambda _method, _path: False
    drops: Callable[[str, str], bool] = lambda _method, _path: False
    passed: list[tuple[str, str]] = field(default_factory=list)
    holding: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def count(self, method: str, ending: str) -> int:
        """How many requests of a kind were passed on."""
        return sum(each == method and path.endswith(ending) for each, path in self.passed)


@contextmanager
def rest_proxy(peer: str) -> Iterator[RestProxy]:
    """Run a proxy for the REST interface at the address ``peer``."""
    proxy = RestProxy(peer)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name
            """Say nothing."""

        def answer(self) -> None:
            if proxy.drops(self.command, self.path):
                self.close_connection = True
                return
            if proxy.holds(self.command, self.path):
                proxy.holding.set()
                proxy.go_on.wait(_PATIENCE)
                self.close_connection = True
                return
            proxy.passed.append((self.command, self.path))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)) or None
            headers = {name: self.headers[name] for name in _HEADERS if self.headers.get(name)}
            asked = Request(  # noqa: S310 - loopback
                proxy.peer + self.path, body, headers, method=self.command
            )
            try:
                with urlopen(asked, timeout=_PATIENCE) as answer:  # noqa: S310 - loopback
                    self._send(answer.status, answer.headers["Content-Type"], answer.read())
            except HTTPError as error:
                self._send(error.code, "application/json", error.read())

        do_GET = do_POST = do_PUT = answer  # noqa: N815 - their names

        def _send(self, status: int, kind: str | None, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.go_on.set()
        server.shutdown()
        thread.join()
        server.server_close()
