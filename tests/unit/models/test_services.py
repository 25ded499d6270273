"""Services that run models: asked without an image whether each would answer."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_engine.library.card import ModelCard, described_digest, write_card
from dicom_node.configuration.settings import NodeSettings
from dicom_node.configuration.work import InferenceSettings
from dicom_node.errors import AwayError, ConfigurationError
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.models.services import ServiceWatch, require_answering
from tests.peers.open_inference import Said, SayingServer
from tests.unit.ai_engine.vendor_cards import vendor_card


@pytest.fixture
def server() -> Iterator[SayingServer]:
    with SayingServer() as running:
        running.outputs = {"probabilities": np.array([[0.5]], np.float32)}
        yield running


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    return NodeSettings(data_dir=tmp_path / "data")


def installed(settings: NodeSettings, server: SayingServer) -> ModelCard:
    place = settings.models_dir / "vendor-opacity" / "1.0.0"
    place.mkdir(parents=True)
    card = replace(vendor_card(endpoint=server.endpoint), folder=place, weights_digest="")
    card = replace(card, weights_digest=described_digest(card))
    write_card(card)
    return card


@pytest.mark.slow
def test_the_watch_remembers_who_is_away_until_it_answers(
    server: SayingServer, settings: NodeSettings, tmp_path: Path
) -> None:
    installed(settings, server)
    (tmp_path / "models.toml").write_text('[active]\nvendor-opacity = "1.0.0"\n')
    watch = ServiceWatch(settings, tmp_path, lambda: ("vendor-opacity", "vendor-opacity"))
    watch.look()
    assert watch.away() == {}
    server.instead["ready"] = Said(status=503)
    watch.look()
    assert list(watch.away()) == ["vendor-opacity"]
    assert "status 503" in watch.away()["vendor-opacity"]
    server.instead = {}
    watch.look()
    assert watch.away() == {}
    assert server.images() == []


def test_who_is_there_with_another_model_is_not_away(
    server: SayingServer, settings: NodeSettings
) -> None:
    card = installed(settings, server)
    assert require_answering(card, settings)
    server.outputs = {"likelihood": np.array([[0.5]], np.float32)}
    with pytest.raises(ModelUnavailableError, match="has no output probabilities"):
        require_answering(card, settings)
    server.instead["ready"] = Said(status=401)
    with pytest.raises(AwayError, match="status 401"):
        require_answering(card, settings)


def test_the_credential_of_an_endpoint_is_shown_to_it(
    server: SayingServer, settings: NodeSettings, tmp_path: Path
) -> None:
    card = installed(settings, server)
    path = tmp_path / "credentials"
    path.write_text(f"{server.endpoint} Bearer secret-token\nhttp://other:1 Bearer else\n")
    path.chmod(0o600)
    own = settings.model_copy(update={"inference": InferenceSettings(credentials_file=str(path))})
    assert require_answering(card, own)
    assert {each.authorization for each in server.asked} == {"Bearer secret-token"}
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="others may read it"):
        require_answering(card, own)


def test_what_the_node_runs_itself_is_asked_of_nobody(settings: NodeSettings) -> None:
    card = replace(vendor_card(), kind="network", service=None, weights_file="network.zip")
    assert not require_answering(card, settings)
