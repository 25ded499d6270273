"""A model that was still being made when its training was killed: nobody can use it by mistake."""

import contextlib
from pathlib import Path

import numpy as np
import pytest

from ai_engine.errors import ModelFolderError
from ai_engine.importing.folder import install_model
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import write_card
from ai_engine.library.names import making_model_folder
from ai_engine.library.registry import ModelRegistry
from ai_engine.library.weights_file import write_weights

MODEL, VERSION = "chest-radiograph", "5.0.0"


def put_model(folder: Path, *, value: float) -> str:
    """Weights and a card, as a training writes them before it measures; the weights' digest."""
    digest = write_weights(folder / "weights.safetensors", {"k": np.full((2, 2), value)})
    card = chest_card(folder, digest=digest, version=VERSION)
    write_card(card)
    return digest


def installed(root: Path) -> list[str]:
    return [card.weights_digest for card in ModelRegistry(root).cards() if card.version == VERSION]


def stopped(root: Path, *, value: float) -> Path:
    """The folder that is left where a training is ended while it measures."""
    with contextlib.suppress(KeyboardInterrupt), making_model_folder(root, MODEL, VERSION) as place:
        put_model(place, value=value)
        raise KeyboardInterrupt
    return place


def test_what_was_stopped_is_no_version_and_is_not_imported(tmp_path: Path) -> None:
    left = stopped(tmp_path / "runs", value=1)
    assert installed(tmp_path / "runs") == []
    with pytest.raises(ModelFolderError, match="training was stopped before"):
        install_model(left, tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_what_was_finished_before_stays_until_another_is(tmp_path: Path) -> None:
    with making_model_folder(tmp_path, MODEL, VERSION) as place:
        first = put_model(place, value=1)
    assert installed(tmp_path) == [first]
    stopped(tmp_path, value=2)
    assert installed(tmp_path) == [first]
    with making_model_folder(tmp_path, MODEL, VERSION) as place:
        assert list(place.iterdir()) == []
        third = put_model(place, value=3)
    assert installed(tmp_path) == [third]
    assert [each.name for each in (tmp_path / MODEL).iterdir()] == [VERSION]
