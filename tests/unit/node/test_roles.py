"""A host's name and role, as its settings and its data folder have them."""

import re
from pathlib import Path

import pytest

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role
from dicom_node.errors import ConfigurationError
from dicom_node.node.roles import executor_id_of, role_of

_URL = "postgresql://node@127.0.0.1/node"


def settings(folder: Path, **values: object) -> NodeSettings:
    return NodeSettings.model_validate({"data_dir": folder, **values})


def test_a_host_s_name_is_made_once_and_kept(tmp_path: Path) -> None:
    made = executor_id_of(settings(tmp_path / "a"))
    assert re.fullmatch(r"[A-Za-z0-9._-]+-[0-9a-f]{8}", made)
    assert executor_id_of(settings(tmp_path / "a")) == made
    assert executor_id_of(settings(tmp_path / "b")) != made


def test_a_name_that_is_set_counts(tmp_path: Path) -> None:
    assert executor_id_of(settings(tmp_path, workflow={"executor_id": "ct-1"})) == "ct-1"
    assert not (tmp_path / "executor-id").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"name cannot be kept in .*executor-id"):
        executor_id_of(settings(tmp_path / "file" / "data"))


@pytest.mark.parametrize("role", [Role.RECEIVER, Role.WORKER, Role.WEB])
def test_a_part_of_the_work_needs_databases_that_can_be_shared(tmp_path: Path, role: Role) -> None:
    hosts = {"role": role.value}
    with pytest.raises(ConfigurationError, match=r"set database\.url"):
        role_of(settings(tmp_path, hosts=hosts))
    with pytest.raises(ConfigurationError, match=r"set database\.warehouse_url"):
        role_of(settings(tmp_path, hosts=hosts, database={"url": _URL}))
    both = {"url": _URL, "warehouse_url": _URL}
    assert role_of(settings(tmp_path, hosts=hosts, database=both)) is role


def test_a_single_host_needs_none(tmp_path: Path) -> None:
    assert role_of(settings(tmp_path)) is Role.ALL


def test_a_host_is_not_dead_after_a_missed_beat(tmp_path: Path) -> None:
    both = {"url": _URL, "warehouse_url": _URL}
    hosts = {"role": "worker", "beat": 5.0, "dead_after": 9.0}
    with pytest.raises(ConfigurationError, match="three times"):
        role_of(settings(tmp_path, hosts=hosts, database=both))
