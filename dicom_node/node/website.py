"""The HTTP side as the settings want it: plain or HTTPS, and a port that leads there."""

from pathlib import Path

from starlette.types import ASGIApp

from dicom_node.configuration.peers import WebSettings
from dicom_node.errors import ConfigurationError
from dicom_node.web.https import CertificateFiles, RenewedCertificate, ToHttps
from dicom_node.web.server import WebServer


class Website:
    """The servers of the HTTP side."""

    def __init__(self, application: ASGIApp, settings: WebSettings) -> None:
        """Serve the application.

        Raises
        ------
        ConfigurationError
            When a certificate is named without its key or cannot be used, or a port is to lead to
            HTTPS that is not there.
        """
        self._settings = settings
        certificate = _certificate(settings)
        if settings.redirect_port and certificate is None:
            raise ConfigurationError("web.redirect_port leads to HTTPS: set web.certificate too.")
        self._server = WebServer(
            application,
            host=settings.host,
            port=settings.port,
            certificate=certificate,
            proxies=settings.proxies,
        )
        self._redirect: WebServer | None = None

    @property
    def port(self) -> int:
        """The port of the pages."""
        return self._server.port

    @property
    def url(self) -> str:
        """Where the pages are reached from this machine."""
        return self._server.url

    def start(self) -> None:
        """Listen and serve.

        Raises
        ------
        WebServerError
            When a port cannot be listened on.
        """
        self._server.start()
        if self._settings.redirect_port:
            self._redirect = WebServer(
                ToHttps(self.port), host=self._settings.host, port=self._settings.redirect_port
            )
            self._redirect.start()

    def renew(self) -> None:
        """Take a certificate that has been renewed."""
        self._server.renew()

    def stop(self) -> None:
        """Answer what is being asked, then stop."""
        if self._redirect is not None:
            self._redirect.stop()
        self._server.stop()


def _certificate(settings: WebSettings) -> RenewedCertificate | None:
    if bool(settings.certificate) != bool(settings.private_key):
        raise ConfigurationError("HTTPS needs both web.certificate and web.private_key.")
    if not settings.certificate:
        return None
    return RenewedCertificate(
        CertificateFiles(
            certificate=Path(settings.certificate), private_key=Path(settings.private_key)
        )
    )
