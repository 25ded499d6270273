"""HTTPS: the node's certificate, renewed while it runs, and the way there from plain HTTP."""

import logging
import ssl
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import URL
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dicom_node.errors import ConfigurationError

_LOG = logging.getLogger(__name__)
_PERMANENT = 308


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """PEM files of the certificate (with those between it and its authority) and of its key."""

    certificate: Path
    private_key: Path

    def modified(self) -> tuple[int, int]:
        """Return when each was changed last, in nanoseconds."""
        return self.certificate.stat().st_mtime_ns, self.private_key.stat().st_mtime_ns


class RenewedCertificate:
    """A TLS context whose certificate is read again when its files change.

    Connections that are open stay as they are; new ones get the new certificate.
    """

    def __init__(self, files: CertificateFiles) -> None:
        """Read the files.

        Raises
        ------
        ConfigurationError
            One cannot be read, or the key does not fit the certificate.
        """
        self._files = files
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            self._load()
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(
                f"HTTPS: {files.certificate} and {files.private_key} must be readable PEM files, "
                f"and the key must fit the certificate ({error.strerror or error})."
            ) from error

    def renew(self) -> bool:
        """Read the files again if they have changed; what cannot be used changes nothing."""
        try:
            if self._files.modified() == self._modified:
                return False
            # Tried on another context first: half of a change would spoil the one in use.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self._files.certificate, self._files.private_key
            )
            self._load()
        except (OSError, ssl.SSLError) as error:
            _LOG.warning("certificate of HTTPS not renewed reason=%r", str(error.strerror or error))
            return False
        _LOG.info("certificate of HTTPS renewed file=%s", self._files.certificate)
        return True

    def _load(self) -> None:
        modified = self._files.modified()
        self.context.load_cert_chain(self._files.certificate, self._files.private_key)
        self._modified = modified


class ToHttps:
    """Answers every request on the plain port with where it is on the secure one."""

    def __init__(self, port: int) -> None:
        """Send browsers to this port."""
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        url = URL(scope=scope)
        answer: ASGIApp = PlainTextResponse("The host of the request is missing.", 400)
        if url.hostname:
            port = None if self._port == 443 else self._port
            answer = RedirectResponse(url.replace(scheme="https", port=port), _PERMANENT)
        await answer(scope, receive, send)
