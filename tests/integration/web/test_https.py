"""HTTPS by the node itself: pages, cookies, renewal, and the way there from plain HTTP."""

import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from dicom_node.configuration.peers import WebSettings
from dicom_node.errors import ConfigurationError
from dicom_node.node.website import Website
from tests.peers.process import free_port

openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / "node.pem", folder / "node.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return certificate, key


def application() -> FastAPI:
    made = FastAPI()

    @made.get("/where")
    def where(request: Request) -> dict[str, str]:
        return {"url": str(request.url), "client": request.client.host if request.client else ""}

    return made


@contextmanager
def website(**settings: object) -> Iterator[Website]:
    made = Website(application(), WebSettings.model_validate({"port": 0, **settings}))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def common_name(port: int, trusted: Path) -> str:
    """Return whom the server's certificate is for."""
    context = ssl.create_default_context(cafile=str(trusted))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        found = secure.getpeercert() or {}
    return str(dict(pair[0] for pair in found["subject"])["commonName"])  # type: ignore[index,misc]


@openssl
def test_pages_are_answered_by_https_alone(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    trust = ssl.create_default_context(cafile=str(certificate))
    with website(certificate=str(certificate), private_key=str(key)) as site:
        assert site.url.startswith("https://")
        answer = httpx.get(f"{site.url}/where", verify=trust)
        assert answer.json()["url"] == f"{site.url}/where"
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{site.port}/where")


@openssl
def test_a_renewed_certificate_is_used_without_a_restart(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    with website(certificate=str(certificate), private_key=str(key)) as site:
        assert common_name(site.port, certificate) == "first"

        make_certificate(tmp_path, "second")
        site.renew()

        assert common_name(site.port, certificate) == "second"


@openssl
def test_a_certificate_that_cannot_be_used_leaves_the_one_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    kept = tmp_path / "kept.pem"
    kept.write_bytes(certificate.read_bytes())
    with website(certificate=str(certificate), private_key=str(key)) as site:
        certificate.write_text("half written")
        site.renew()

        assert common_name(site.port, kept) == "first"
        assert "not renewed" in caplog.text


@openssl
def test_plain_http_leads_to_https(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "first")
    port = free_port()
    with website(certificate=str(certificate), private_key=str(key), redirect_port=port) as site:
        answer = httpx.post(f"http://127.0.0.1:{port}/worklist?state=open", data={"a": "b"})
        there = f"https://127.0.0.1:{site.port}/worklist?state=open"

    assert (answer.status_code, answer.headers["location"]) == (308, there)


@pytest.mark.parametrize(("proxies", "client"), [((), "127.0.0.1"), (("127.0.0.1",), "10.1.2.3")])
def test_forwarded_headers_are_believed_from_named_proxies_only(
    proxies: tuple[str, ...], client: str
) -> None:
    headers = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Proto": "https"}
    with website(proxies=proxies) as site:
        told = httpx.get(f"{site.url}/where", headers=headers).json()

    assert told["client"] == client
    assert told["url"].startswith("https" if proxies else "http:")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"certificate": "node.pem"}, "both web.certificate and web.private_key"),
        ({"certificate": "none.pem", "private_key": "none.key"}, "must be readable PEM files"),
        ({"redirect_port": 8081}, "leads to HTTPS"),
    ],
)
def test_settings_that_cannot_be_are_said_at_once(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Website(application(), WebSettings.model_validate(settings))


def test_cookies_and_transport_are_strict_with_a_certificate_of_the_node_s_own() -> None:
    assert WebSettings(certificate="node.pem", private_key="node.key").is_secure
    assert WebSettings(https=True).is_secure
    assert not WebSettings().is_secure
