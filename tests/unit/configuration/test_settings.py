"""Settings: defaults, node.toml, environment, and what is said when a value cannot be used."""

from pathlib import Path

import pytest

from dicom_node.configuration.files import load_ae_titles, load_routes
from dicom_node.configuration.settings import load_settings
from dicom_node.errors import ConfigurationError

CONFIG = Path(__file__).parents[3] / "config"


def test_the_shipped_configuration_is_valid_and_closed() -> None:
    settings = load_settings(CONFIG)
    assert (settings.network.ae_title, settings.network.port) == ("AINODE", 11112)
    assert load_ae_titles(CONFIG) == ()
    assert [route.name for route in load_routes(CONFIG)] == [
        "chest-radiograph",
        "chest-ct",
    ]


@pytest.mark.slow
def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "node.toml").write_text('[network]\nport = 1104\nae_title = "FILE"\n')
    monkeypatch.setenv("DICOM_NODE_NETWORK__PORT", "2104")
    network = load_settings(tmp_path).network
    assert (network.ae_title, network.port) == ("FILE", 2104)


@pytest.mark.slow
def test_the_databases_lie_in_the_data_folder_or_where_the_url_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path))
    settings = load_settings(tmp_path)
    assert settings.hotbase_url == f"sqlite:///{tmp_path}/hotbase.sqlite"
    assert settings.workflow_url == f"sqlite:///{tmp_path}/workflows.sqlite"
    monkeypatch.setenv("DICOM_NODE_DATABASE__URL", "postgresql://node@db/node")
    assert load_settings(tmp_path).workflow_url == "postgresql://node@db/node"


@pytest.mark.slow
def test_settings_are_a_value_as_workers_need_them(tmp_path: Path) -> None:
    assert hash(load_settings(tmp_path)) == hash(load_settings(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[network]\nport = 70000\n", "network.port"),
        ("[network]\nportt = 1\n", "network.portt"),
        ("[network\n", "node.toml"),
        ('[openid]\nissuer = "http://id.example"\n', "openid.issuer"),
        ('[openid]\nissuer = "https://id.example"\nclient_id = "node"\n', "groups for a role"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "node.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        load_settings(tmp_path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[route]]\nname = "a"\n', "entry route 1: model: Field required"),
        ('[[route]]\nname = "a"\nmodel = "m"\nmodality = ["CR"]\n', "entry route 1: modality"),
        ('[[route]]\nname = "a"\nmodel = "m"\n' * 2, "two routes are named 'a'"),
        ("[[route\n", "routes.toml"),
    ],
)
def test_a_route_that_cannot_be_used_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "routes.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=words):
        load_routes(tmp_path)


def test_missing_routes_say_where_they_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--config"):
        load_routes(tmp_path)


def test_an_ae_title_in_the_file_is_checked_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "ae_titles.toml").write_text(
        '[[ae]]\ntitle = "THIS-TITLE-IS-TOO-LONG"\nhost = "h"\nport = 104\nroles = ["pacs"]\n'
    )
    with pytest.raises(ConfigurationError, match=r"entry ae 1: .*is not an AE title"):
        load_ae_titles(tmp_path)
