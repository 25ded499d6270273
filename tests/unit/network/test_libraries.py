"""The switches of pydicom and pynetdicom that hold for a process are set in one place."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.config import IGNORE, settings
from pynetdicom import _config

from dicom_node.network.libraries import set_up_dicom_libraries

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[3]
_THE_PLACE = Path("dicom_node/network/libraries.py")
_SWITCHES = ("pydicom.config", "pynetdicom._config")
# What may be imported from there: modes to pass on, which change nothing.
_MODES = {"RAISE", "WARN", "IGNORE"}


def imports_of_switches(source: str) -> Iterator[str]:
    """Yield what a module imports of the libraries' configuration, modes left out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module in _SWITCHES:
                yield from (f"{node.module}.{name}" for name in names - _MODES)
            elif node.module in ("pydicom", "pynetdicom"):
                yield from (f"{node.module}.{name}" for name in names & {"config", "_config"})
                yield from (f"{node.module}.{name}" for name in names & {"debug_logger"})
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in _SWITCHES)


@pytest.mark.parametrize("package", ["dicom_node", "ai_engine", "sr_templates", "bench"])
def test_no_other_module_touches_them(package: str) -> None:
    found = {
        str(path.relative_to(_ROOT)): names
        for path in (_ROOT / package).rglob("*.py")
        if path.relative_to(_ROOT) != _THE_PLACE
        and (names := list(imports_of_switches(path.read_text())))
    }

    assert found == {}


@pytest.mark.parametrize(
    "source",
    [
        "from pydicom import config",
        "from pydicom.config import settings as s",
        "import pydicom.config",
        "from pynetdicom import AE, _config",
        "from pynetdicom import debug_logger",
    ],
)
def test_the_search_finds_every_way_of_importing_them(source: str) -> None:
    assert list(imports_of_switches(source))


def test_values_are_read_as_they_stand_and_nothing_is_logged() -> None:
    set_up_dicom_libraries()

    assert settings.reading_validation_mode == IGNORE
    assert _config.STORE_SEND_CHUNKED_DATASET
    assert _config.LOG_HANDLER_LEVEL == "none"
    for name in ("pydicom", "pynetdicom.dul", "pynetdicom.dimse"):
        assert not logging.getLogger(name).isEnabledFor(logging.CRITICAL)
