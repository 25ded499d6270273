"""A model that MLServer runs, asked by the kind ``service``: a real server of the protocol."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ai_engine.errors import BackendError, ServiceAwayError
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.library.card import ModelCard
from ai_engine.library.tensors import Scaling, Tensors
from tests.peers.open_inference import MODEL, mlserver
from tests.unit.ai_engine.vendor_cards import some_radiograph, vendor_card

TENSORS = Tensors(
    input="image", probabilities="probabilities", heat_maps="heat", scaling=Scaling.UNIT
)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with mlserver(tmp_path_factory.mktemp("mlserver")) as running:
        yield running


@pytest.fixture
def card(endpoint: str) -> ModelCard:
    return vendor_card(endpoint=endpoint, model=MODEL, tensors=TENSORS, timeout=30.0)


def test_a_model_of_mlserver_finds_by_its_own_probability(card: ModelCard, tmp_path: Path) -> None:
    loading = Loading(card=card, cache=tmp_path)
    part(card, Part.READINESS)(loading)
    image = some_radiograph(480, 480)
    prediction = part(card, Part.PREDICTOR)(loading).predict([image])
    (finding,) = prediction.images[0].findings
    assert finding.probability == pytest.approx(float(image.pixels.mean()), abs=0.01)
    assert finding.heat_map is not None
    assert finding.heat_map.values.shape == (8, 8)
    assert prediction.parameters == (f"service {MODEL} version v7 at {card.service.endpoint}",)


def test_what_mlserver_has_not_is_said(card: ModelCard, tmp_path: Path) -> None:
    assert card.service is not None
    absent = replace(card, service=replace(card.service, model="absent"))
    with pytest.raises(ServiceAwayError, match=r"absent at .*: the model is not ready .status 404"):
        part(absent, Part.READINESS)(Loading(card=absent, cache=tmp_path))
    other = replace(card, tensors=replace(TENSORS, probabilities="likelihood"))
    with pytest.raises(BackendError, match="has no output likelihood; it has probabilities, heat"):
        part(other, Part.READINESS)(Loading(card=other, cache=tmp_path))
