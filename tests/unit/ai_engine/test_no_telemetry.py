"""Nothing that serves a model tells anybody outside that it does."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import ai_engine.inference.openvino_backend
import sys
from openvino.tools import ovc
assert sys.modules["openvino_telemetry"] is None
assert not any(name.startswith("openvino_telemetry.") for name in sys.modules)
assert type(ovc.telemetry).__module__ == "openvino.tools.ovc.telemetry_stub"
"""


@pytest.mark.slow
def test_openvino_has_nothing_to_tell_with_and_leaves_no_identity_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()
