"""Every setting of the network that is for the receivers reaches them."""

from dataclasses import asdict

from dicom_node.configuration.peers import NetworkSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.network.reactor import Reactor
from dicom_node.node.part_settings import scp_settings

OTHER = {
    "ae_title": "OTHER",
    "host": "127.0.0.9",
    "port": 4242,
    "receivers": 3,
    "max_associations": 21,
    "max_associations_per_entity": 5,
    "max_associations_per_address": 7,
    "max_silent_per_address": 11,
    "max_object_bytes": 123456,
    "idle_timeout": 17.0,
}


def test_receivers_get_what_is_set() -> None:
    network = NetworkSettings.model_validate({**OTHER, "max_pdu": 65536, "reactor": "pynetdicom"})

    given = asdict(scp_settings(NodeSettings(network=network)))

    assert {name: given[name] for name in OTHER} == OTHER
    assert given["max_pdu_bytes"] == 65536
    assert given["reactor"] is Reactor.PYNETDICOM
