"""Files for clusters and services: held against Kubernetes' schemas, and against the settings."""

import fnmatch
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role

_ROOT = Path(__file__).parents[2]
_DOCKER = _ROOT / "docker"
_COMPOSED = ("compose.yaml", "compose.hosts.yaml")
_DOCKERFILES = sorted(_DOCKER.glob("*Dockerfile"))
_COPIED = re.compile(r"^COPY (?!--from)(.+) \S+$", re.MULTILINE)
_STAGE = re.compile(r"^FROM .* AS (\S+)$", re.MULTILINE)
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


@pytest.mark.slow
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


def services() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in _COMPOSED:
        yield from yaml.safe_load((_DOCKER / name).read_text())["services"].items()


@pytest.mark.parametrize("name", _COMPOSED)
def test_compose_files_keep_the_compose_specification(name: str) -> None:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    schema = json.loads(vendored.read_text(encoding="utf-8"))
    checker = jsonschema.validators.validator_for(schema)(schema)
    problems = checker.iter_errors(yaml.safe_load((_DOCKER / name).read_text()))
    assert [f"{list(each.path)}: {each.message}" for each in problems] == []


def test_composed_services_set_settings_and_build_what_there_is() -> None:
    for name, service in services():
        environment = service.get("environment", {})
        named = {each for each in environment if each.startswith(_PREFIX)}
        assert {each for each in named if not _is_setting(each)} == set(), name
        build = service.get("build")
        if build:
            dockerfile = _ROOT / build["dockerfile"]
            stages = _STAGE.findall(dockerfile.read_text())
            assert build.get("target") in (None, *stages), name
        else:
            # What is made elsewhere is pinned.
            assert re.search(r":v?\d+", service.get("image", ":0")), name


def test_what_services_mount_and_need_is_there() -> None:
    whole = yaml.safe_load((_DOCKER / "compose.yaml").read_text())
    for name, service in whole["services"].items():
        for mount in service.get("volumes", ()):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (_DOCKER / source).exists(), f"{name}: {source}"
            elif not source.startswith("$"):
                assert source in whole["volumes"], f"{name}: {source}"
        assert set(service.get("depends_on", ())) <= set(whole["services"]), name


def test_every_profile_is_described() -> None:
    profiles = {profile for _, service in services() for profile in service.get("profiles", ())}
    assert {"viewer", "monitoring", "serving", "training"} <= profiles
    page = (_DOCKER / "README.md").read_text()
    assert {profile for profile in profiles if f"`{profile}`" not in page} == set()


@pytest.mark.parametrize("dockerfile", _DOCKERFILES, ids=lambda path: path.name)
def test_what_images_copy_is_there_and_sent_to_the_builder(dockerfile: Path) -> None:
    ignored = (_ROOT / ".dockerignore").read_text().splitlines()
    let_through = [line[1:] for line in ignored if line.startswith("!")]
    for sources in _COPIED.findall(dockerfile.read_text()):
        for each in sources.split():
            assert (_ROOT / each).exists(), each
            assert any(fnmatch.fnmatch(each.split("/")[0], one) for one in let_through), each


@pytest.mark.parametrize("instance", ["dicom-node.service", "dicom-node@worker.service"])
def test_systemd_takes_the_units(instance: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not at hand (Debian: apt-get install systemd)")
    units = tmp_path / "etc" / "systemd" / "system"
    shutil.copytree(_DOCKER / "systemd", units)
    # A system that has what the units are ordered by, and the command that they run.
    standard = (
        *("basic", "sysinit", "shutdown", "network-online", "remote-fs", "local-fs"),
        *("local-fs-pre", "multi-user", "umount", "time-sync", "time-set"),
    )
    for name in standard:
        (units / f"{name}.target").write_text("[Unit]\nDefaultDependencies=no\n")
    (units / "-.mount").write_text(
        "[Unit]\nDefaultDependencies=no\n[Mount]\nWhat=/dev/a\nWhere=/\n"
    )
    command = tmp_path / "opt" / "dicom-node" / "bin" / "dicom-node"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    verified = subprocess.run(
        ["systemd-analyze", "verify", f"--root={tmp_path}", "--man=no", instance],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (verified.returncode, verified.stderr) == (0, "")


def _is_setting(name: str) -> bool:
    fields: Any = NodeSettings.model_fields
    for part in name.removeprefix(_PREFIX).lower().split("__"):
        if part not in fields:
            return False
        annotation = fields[part].annotation
        fields = getattr(annotation, "model_fields", {})
    return True
