"""Files for clusters and services: held against Kubernetes' schemas, and against the settings."""

import configparser
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role

_DOCKER = Path(__file__).parents[2] / "docker"
_KUBERNETES = "1.32"
_PREFIX = "DICOM_NODE_"


def manifests() -> list[dict[str, Any]]:
    paths = sorted((_DOCKER / "kubernetes").glob("*.yaml"))
    return [each for path in paths for each in yaml.safe_load_all(path.read_text())]


def deployments() -> dict[str, dict[str, Any]]:
    return {
        each["metadata"]["labels"]["role"]: each
        for each in manifests()
        if each["kind"] == "Deployment"
    }


def the_container(deployment: dict[str, Any]) -> dict[str, Any]:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def test_manifests_keep_kubernetes_schemas() -> None:
    kinds = []
    for each in manifests():
        kubernetes_validate.validate(each, _KUBERNETES, strict=True)
        kinds.append(each["kind"])
    assert kinds.count("Deployment") == 3


def test_each_role_is_deployed_as_that_role_and_probed() -> None:
    assert set(deployments()) == {each.value for each in Role} - {Role.ALL}
    for role, deployment in deployments().items():
        container = the_container(deployment)
        assert container["args"] == ["serve", "--role", role]
        assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_what_they_set_are_settings() -> None:
    named = {each["name"] for one in deployments().values() for each in the_container(one)["env"]}
    for each in manifests():
        if each["kind"] == "ConfigMap":
            named |= set(each["data"])
    assert {each for each in named if not _is_setting(each)} == set()


def test_services_lead_to_pods_that_are_there() -> None:
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in deployments().values()]
    for each in manifests():
        if each["kind"] == "Service":
            assert each["spec"]["selector"] in labels


def test_composed_hosts_have_their_roles_and_one_folder() -> None:
    services = yaml.safe_load((_DOCKER / "compose.hosts.yaml").read_text())["services"]
    shared = {
        name: service["environment"]["DICOM_NODE_SHARED_DIR"] for name, service in services.items()
    }
    assert len(set(shared.values())) == 1
    for role in ("receiver", "worker", "web"):
        assert services[role]["command"] == ["serve", "--role", role]
        assert f"node-shared:{shared[role]}" in services[role]["volumes"]


@pytest.mark.parametrize("section", ["Unit", "Service", "Install"])
def test_a_service_unit_has_its_sections(section: str) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(_DOCKER / "systemd" / "dicom-node@.service")
    assert unit.has_section(section)
    assert unit["Service"]["ExecStart"].endswith("dicom-node serve --role %i")


def _is_setting(name: str) -> bool:
    fields: Any = NodeSettings.model_fields
    for part in name.removeprefix(_PREFIX).lower().split("__"):
        if part not in fields:
            return False
        annotation = fields[part].annotation
        fields = getattr(annotation, "model_fields", {})
    return True
