"""Nothing is sent to the node itself, nor to another of its title, however its entry was made."""

from pathlib import Path

import pytest

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import Role
from dicom_node.errors import ConfigurationError
from dicom_node.node.peers import address_of, web_peer_of
from tests.unit.builders import an_entity

PACS = frozenset({Role.PACS})


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    return NodeSettings.model_validate({"data_dir": tmp_path, "network": {"ae_title": "AINODE"}})


def test_another_node_of_the_title_is_sent_nothing_by_either_way(settings: NodeSettings) -> None:
    by_dimse = an_entity("AINODE", host="192.0.2.1", port=104, roles=PACS)
    with pytest.raises(ConfigurationError, match="give another node another AE title"):
        address_of(settings, by_dimse)
    by_web = an_entity("AINODE", url="https://192.0.2.1/dicom-web", roles=PACS)
    with pytest.raises(ConfigurationError, match="give another node another AE title"):
        web_peer_of(settings, by_web)


def test_what_the_node_itself_serves_is_no_archive_of_others(settings: NodeSettings) -> None:
    """The port of its pages may have been changed after the entry was made."""
    url = f"http://localhost:{settings.web.port}/dicom-web"
    with pytest.raises(ConfigurationError, match="this node's own address"):
        web_peer_of(settings, an_entity("ARCHIVE", url=url, roles=PACS))
    elsewhere = an_entity("ARCHIVE", url="http://192.0.2.1/dicom-web", roles=PACS)
    assert web_peer_of(settings, elsewhere).title == "ARCHIVE"
