"""What every receiver process imports again with the main module is next to nothing."""

import subprocess
import sys

IMPORTED = "import sys; import dicom_node.cli; print(*{name.split('.')[0] for name in sys.modules})"


def test_the_command_loads_its_libraries_only_when_it_runs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "dicom_node" in loaded
    assert not loaded & {"typer", "rich", "sqlalchemy", "pydicom", "numpy", "openvino"}
