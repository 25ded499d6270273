"""Hosts of one database use one archive, or do not start."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_node.archive.storage import StorageArchive
from dicom_node.audit.chain import files_in
from dicom_node.configuration.peers import NetworkSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role, Sign
from dicom_node.errors import ConflictError
from dicom_node.node.archive_settings import archive_settings
from dicom_node.node.listening import Listening
from dicom_node.node.node import Node
from dicom_node.node.one_archive import require_one_archive
from dicom_node.node.repositories import Repositories
from tests.peers.process import free_port

CONFIG = Path(__file__).resolve().parents[3] / "config"

pytestmark = pytest.mark.peer


def a_host(folder: Path, url: str, *, shared: Path | None = None) -> NodeSettings:
    return NodeSettings.model_validate(
        {
            "data_dir": folder,
            "shared_dir": str(shared) if shared else "",
            "database": {"url": url, "warehouse_url": url, "workflow_url": url},
            "workflow": {"executor_id": folder.name},
        }
    )


def is_at_work(settings: NodeSettings) -> None:
    """Let a host open its archive, and give a sign of life."""
    StorageArchive(archive_settings(settings)).open()
    repositories = Repositories(settings)
    repositories.hosts.beat(
        Sign(
            executor_id=settings.workflow.executor_id,
            role=Role.ALL,
            name="other-machine",
            version="1",
            contract="1",
            skew=0.0,
            status="ok",
        )
    )
    repositories.close()


def test_hosts_that_share_a_folder_start(tmp_path: Path, empty_postgres: str) -> None:
    first, second = (
        a_host(tmp_path / name, empty_postgres, shared=tmp_path / "shared") for name in "ab"
    )
    is_at_work(first)
    require_one_archive(second)
    require_one_archive(first)  # a host is none of the others


@pytest.mark.parametrize("shared", ["", "another"])
def test_a_host_with_another_archive_is_refused_while_others_work(
    tmp_path: Path, empty_postgres: str, shared: str
) -> None:
    first = a_host(tmp_path / "a", empty_postgres, shared=tmp_path / "shared")
    is_at_work(first)
    apart = a_host(tmp_path / "b", empty_postgres, shared=tmp_path / shared if shared else None)
    with pytest.raises(ConflictError, match=r"other-machine \(a\) works on this database"):
        require_one_archive(apart)
    repositories = Repositories(first)
    repositories.hosts.leave("a")
    repositories.close()
    require_one_archive(apart)


def test_a_node_that_finds_others_elsewhere_as_it_joins_them_leaves_nothing_behind(
    tmp_path: Path, migrated_postgres: Callable[[], str]
) -> None:
    """Both began at once: neither saw the other when it opened its archive."""
    url = migrated_postgres()  # its own: a node that starts makes more tables
    settings = a_host(tmp_path / "b", url).model_copy(
        update={"network": NetworkSettings(host="127.0.0.1", port=free_port(), receivers=1)}
    )
    listening = Listening(settings, CONFIG)
    listening.start()
    node = Node(settings, CONFIG, listening)
    first = a_host(tmp_path / "a", url, shared=tmp_path / "shared")
    is_at_work(first)
    with pytest.raises(ConflictError, match="give all hosts the same folder"):
        node.start()
    repositories = Repositories(first)
    assert [each.sign.executor_id for each in repositories.hosts.all()] == ["a"]
    repositories.close()
    assert files_in(settings.audit_dir) == [], "no start is recorded that was none"
    with socket.socket() as free:
        free.bind(("127.0.0.1", settings.network.port))


def test_a_node_by_itself_has_nobody_to_agree_with(tmp_path: Path) -> None:
    require_one_archive(NodeSettings(data_dir=tmp_path))
