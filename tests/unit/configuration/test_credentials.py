"""Credentials of services: of a file that only the node reads, and never quoted."""

from pathlib import Path

import pytest

from dicom_node.configuration.credentials import read_credentials
from dicom_node.errors import ConfigurationError


def written(tmp_path: Path, text: str, mode: int = 0o600) -> str:
    path = tmp_path / "credentials"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_each_endpoint_has_its_own(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "# Triton\nhttps://triton:8000 Bearer abc def\n\nhttp://10.0.0.1:8080 Basic eDp5\n",
    )
    assert read_credentials(path) == {
        "https://triton:8000": "Bearer abc def",
        "http://10.0.0.1:8080": "Basic eDp5",
    }
    assert read_credentials("") == {}


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="others may read it"):
        read_credentials(written(tmp_path, "http://a Bearer abc\n", 0o640))


@pytest.mark.parametrize("line", ["secret-token", "http://a ", "http://a s\u00e4cret-token"])
def test_a_line_that_is_none_is_named_and_not_quoted(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigurationError, match="line 1: write a service's endpoint") as told:
        read_credentials(written(tmp_path, f"{line}\n"))
    assert "cret-token" not in str(told.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_credentials(str(tmp_path / "absent"))
