"""The built scripts that the repository carries are those of the sources beside them."""

import hashlib
from pathlib import Path

from dicom_node.web.frame import STATIC

_SOURCES = STATIC.parent / "ui"
_LARGEST = 5 * 1024 * 1024


def test_the_bundle_was_built_from_the_sources() -> None:
    names = ["build.mjs", "package-lock.json"]
    names += [f"src/{path.name}" for path in sorted((_SOURCES / "src").iterdir())]
    digest = hashlib.sha256(b"".join((_SOURCES / name).read_bytes() for name in names))
    made_from = (STATIC / "ui" / "made-from.txt").read_text().strip()
    assert made_from == digest.hexdigest(), "run `make ui`, and commit static/ui with the sources"


def test_the_bundle_is_small_and_loads_nothing_from_elsewhere() -> None:
    scripts = list((STATIC / "ui").glob("*.js"))
    assert {"pages.js", "study.js", "decoder.js"} <= {path.name for path in scripts}
    assert sum(path.stat().st_size for path in scripts) < _LARGEST


def test_the_lock_file_names_no_registry() -> None:
    lock = Path(_SOURCES / "package-lock.json").read_text()
    assert '"resolved"' not in lock
