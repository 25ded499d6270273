"""rsyslog as an audit record repository, over TLS and UDP."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers.process import answers, free_port, program, running

_PACKAGE = "rsyslog"
_TEMPLATE = (
    '{"facility": %syslogfacility%, "severity": %syslogseverity%, "id": "%msgid%", '
    '"data": "%structured-data:::json%", "message": "%msg:::json%"}\\n'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """Where rsyslog listens, what it keeps, and the certificate that it shows."""

    port: int
    kept: Path
    certificate: Path

    def messages(self) -> list[dict[str, str]]:
        """Return what it has received, in order."""
        if not self.kept.exists():
            return []
        return [json.loads(line, strict=False) for line in self.kept.read_text().splitlines()]

    def numbers(self) -> list[int]:
        """Return the numbers of the records that it has received."""
        return [int(each["data"].split('number="')[1].split('"')[0]) for each in self.messages()]


@contextmanager
def repository(folder: Path, *, port: int = 0) -> Iterator[Repository]:
    """Run rsyslog; started again in the same folder, it goes on where it was."""
    certificate, key = _certificate(folder)
    port = port or free_port()
    kept = folder / "kept.jsonl"
    configuration = folder / "rsyslog.conf"
    configuration.write_text(
        f"""
global(workDirectory="{folder}" maxMessageSize="256k"
       defaultNetstreamDriverCAFile="{certificate}"
       defaultNetstreamDriverCertFile="{certificate}" defaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
module(load="imudp")
input(type="imtcp" address="127.0.0.1" port="{port}")
input(type="imudp" address="127.0.0.1" port="{port}")
template(name="kept" type="string" string="{_escaped(_TEMPLATE)}")
action(type="omfile" file="{kept}" template="kept")
"""
    )
    command = [program("rsyslogd", _PACKAGE), "-n", "-f", configuration, "-i", folder / "pid"]
    with running(command, log=folder / "log", ready=lambda: answers(port)):
        yield Repository(port=port, kept=kept, certificate=certificate)


def _escaped(text: str) -> str:
    return text.replace('"', '\\"')


def _certificate(folder: Path) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "syslog.pem", folder / "syslog.key"
    if certificate.exists():
        return certificate, key
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return certificate, key
