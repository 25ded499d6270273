"""A report that is compared with an earlier one passes the validators that users have."""

from pathlib import Path

import pytest

from tests.integration.sr_templates.validators import (
    dciodvfy_errors,
    dsrdump_complaints,
    template_errors,
)
from tests.unit.sr_templates.test_comparison import EARLIER, report_with

pytestmark = pytest.mark.peer


def test_a_comparison_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "sr.dcm"
    report_with(EARLIER).save_as(path, enforce_file_format=True)
    assert dciodvfy_errors(path) == []
    assert dsrdump_complaints(path) == []
    assert template_errors(path) == []
