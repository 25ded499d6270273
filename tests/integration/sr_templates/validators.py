"""Validators as users run them; what they say is shown without the values they quote."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.peers.process import program

_JAVA_FOLDER = Path("/usr/share/java")
_JARS = ("pixelmed", "commons-codec", "vecmath", "jaxb-api", "javax.json", "slf4j-api", "slf4j-nop")
# What DCMTK says of every report in UTF-8 or with code extensions, whoever wrote it.
_DSRDUMP_LIMITS = (
    "The VR checker does not support this Specific Character Set",
    "Reading unknown/unsupported SpecificCharacterSet",
)
# CID 100 is extensible, so other procedures are allowed; the validator takes it as closed.
_PIXELMED_LIMIT = "not found in context group 100"


def dciodvfy_errors(path: Path) -> list[str]:
    """Return the Error lines of dicom3tools' dciodvfy."""
    result = _run([program("dciodvfy", "dicom3tools"), str(path)])
    return [_masked(line) for line in result.stderr.splitlines() if line.startswith("Error")]


def dsrdump_complaints(path: Path) -> list[str]:
    """Return what DCMTK's dsrdump warns of or fails at while it reads a report."""
    result = _run([program("dsrdump", "dcmtk"), str(path)])
    lines = [
        line
        for line in result.stderr.splitlines()
        if line and not any(limit in line for limit in _DSRDUMP_LIMITS)
    ]
    return [_masked(line) for line in lines] + (
        [f"exit {result.returncode}"] * bool(result.returncode)
    )


def template_errors(path: Path) -> list[str]:
    """Return the Error lines of PixelMed's validator, which knows TID 1500 row by row."""
    pixelmed = _pixelmed()
    assert pixelmed.stdin is not None
    assert pixelmed.stdout is not None
    print(path, file=pixelmed.stdin, flush=True)
    answer = pixelmed.stdout.readline()
    assert answer, f"PixelMed's validator ended with status {pixelmed.wait(timeout=10)}"
    lines = json.loads(answer).splitlines()
    assert "Found Root Template TID_1500 (MeasurementReport)" in lines
    return [line for line in lines if line.startswith("Error") and _PIXELMED_LIMIT not in line]


@cache
def _pixelmed() -> subprocess.Popen[str]:
    """The validator's process; it ends when this one does, with its standard input."""
    jars = [_JAVA_FOLDER / f"{name}.jar" for name in _JARS]
    if not jars[0].exists():
        pytest.skip("PixelMed is not installed (Debian package libpixelmed-java)")
    program("java", "default-jre-headless")
    return subprocess.Popen(
        [sys.executable, "-m", "tests.integration.sr_templates.pixelmed", *map(str, jars)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=280, check=False
    )


def _masked(line: str) -> str:
    """Take quoted values out: a test's output may be kept, and a source may hold a name."""
    return re.sub(r"= <[^>]*>", "= <...>", line)
