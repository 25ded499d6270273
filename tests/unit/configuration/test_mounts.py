"""A node whose disk is missing does not begin as a new one in the folder below its mount point."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.configuration.mounts import require_mounted
from dicom_node.configuration.settings import NodeSettings
from dicom_node.errors import ConfigurationError


def test_a_disk_that_is_wanted_has_to_be_mounted(tmp_path: Path) -> None:
    require_mounted(NodeSettings())
    require_mounted(NodeSettings(data_mount="/"))
    with pytest.raises(ConfigurationError, match="no disk is mounted at"):
        require_mounted(NodeSettings(data_mount=str(tmp_path)))
    with pytest.raises(ConfigurationError, match="no disk is mounted at"):
        require_mounted(NodeSettings(data_mount=str(tmp_path / "missing")))


def test_a_mount_point_may_be_named_by_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").symlink_to("/")
    require_mounted(NodeSettings(data_mount=str(tmp_path / "disk")))
    (tmp_path / "folder").symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="no disk is mounted at"):
        require_mounted(NodeSettings(data_mount=str(tmp_path / "folder")))


def test_no_command_begins_a_new_node_without_its_disk(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        f'data_dir = "{tmp_path / "disk" / "node"}"\ndata_mount = "{tmp_path / "disk"}"\n'
    )
    for command in (["ae", "list"], ["serve"], ["status"]):
        done = CliRunner().invoke(application, ["--config", str(tmp_path), *command])
        assert isinstance(done.exception, ConfigurationError), command
    assert not (tmp_path / "disk").exists()
