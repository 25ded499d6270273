"""Validators as users run them; what they say is shown without the values they quote."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.peers.process import program

_JAVA_FOLDER = Path("/usr/share/java")
_JARS = ("pixelmed", "commons-codec", "vecmath", "jaxb-api", "javax.json", "slf4j-api", "slf4j-nop")
# The validator's style sheets are larger than the JDK's default limits on XPath.
_JDK_LIMITS = ("xpathTotalOpLimit", "xpathExprOpLimit", "xpathExprGrpLimit")
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
    jars = [_JAVA_FOLDER / f"{name}.jar" for name in _JARS]
    if not jars[0].exists():
        pytest.skip("PixelMed is not installed (Debian package libpixelmed-java)")
    result = _run(
        [
            program("java", "default-jre-headless"),
            *(f"-Djdk.xml.{limit}=0" for limit in _JDK_LIMITS),
            "-cp",
            ":".join(map(str, jars)),
            "com.pixelmed.validate.DicomSRValidator",
            str(path),
        ]
    )
    lines = (result.stdout + result.stderr).splitlines()
    assert "Found Root Template TID_1500 (MeasurementReport)" in lines
    return [line for line in lines if line.startswith("Error") and _PIXELMED_LIMIT not in line]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=280, check=False
    )


def _masked(line: str) -> str:
    """Take quoted values out: a test's output may be kept, and a source may hold a name."""
    return re.sub(r"= <[^>]*>", "= <...>", line)
