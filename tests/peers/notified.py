"""Those who are told: a real SMTP server and a real HTTP receiver, on free ports."""

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.peers.process import free_port

USER, PASSWORD = "node", "hunter2-of-the-test"  # of a server that lives for one test


@dataclass(slots=True)
class Mailbox:
    """The messages that an SMTP server took."""

    port: int = 0
    messages: list[email.message.EmailMessage] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802  # its name upstream
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Take one message."""
        del server, session
        content = envelope.content
        assert isinstance(content, bytes)
        found = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(found, email.message.EmailMessage)
        self.messages.append(found)
        return "250 OK"

    def url(self, password: str = PASSWORD) -> str:
        """The address of a channel that mails here."""
        return (
            f"mailto://{USER}:{password}@localhost:{self.port}"
            "?from=node@example.org&to=it@example.org&mode=insecure"
        )


@contextmanager
def smtp_server() -> Iterator[Mailbox]:
    """Run an SMTP server that wants a password."""
    mailbox = Mailbox(port=free_port())

    def authenticate(*arguments: Any) -> AuthResult:
        given = arguments[-1]
        assert isinstance(given, LoginPassword)
        right = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right)

    controller = Controller(
        mailbox,
        hostname="127.0.0.1",
        port=mailbox.port,
        authenticator=authenticate,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()


@dataclass(slots=True)
class Hook:
    """What a webhook was posted; ``status`` is what it answers."""

    port: int = 0
    status: int = 200
    posts: list[dict[str, Any]] = field(default_factory=list)

    def url(self, path: str = "any") -> str:
        """The address of a channel that posts here."""
        return f"json://127.0.0.1:{self.port}/hook/{path}"


@contextmanager
def webhook() -> Iterator[Hook]:
    """Run an HTTP server that takes what is posted."""
    hook = Hook()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if hook.status == 200:
                hook.posts.append(json.loads(body))
            self.send_response(hook.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # upstream's
            """Say nothing: the test's output is for the test."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    hook.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, name="webhook", daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
