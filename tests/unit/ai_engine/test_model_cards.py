"""Model cards, weights files and the registry, and what is said when they are wrong."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ai_engine.errors import ModelFolderError, ModelNotFoundError
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import CARD_NAME, Metric, ModelCard, read_card, render_card, write_card
from ai_engine.library.file_digest import digest
from ai_engine.library.half_precision import Bf16Change
from ai_engine.library.registry import ModelRegistry, read_active_versions, verify_weights
from ai_engine.library.weights_file import assign_weights, read_weights, write_weights
from ai_engine.models.catalogue import build

TENSORS = {"head/kernel": np.ones((3, 1), np.float32), "head/bias": np.zeros(1, np.float32)}


def install(root: Path, version: str = "1.0.0") -> ModelCard:
    folder = root / "chest-radiograph" / version
    weights_digest = write_weights(folder / "weights.safetensors", TENSORS)
    card = chest_card(folder, version=version, digest=weights_digest)
    write_card(card)
    return card


def test_a_card_reads_back_as_written(tmp_path: Path) -> None:
    metric = Metric(
        name="auc", label="Pneumonia", split="test", group="AP", images=68,
        value=0.9, low=0.8, high=0.95,
    )  # fmt: skip
    card = dataclasses.replace(
        chest_card(tmp_path), metrics=(metric,), attribution='Line one\nwith "quotes" and é'
    )
    write_card(card)
    assert read_card(tmp_path) == card


@pytest.mark.parametrize(
    ("low", "high", "is_harmless"),
    [(-0.0001, 0.0003, True), (-0.0093, 0.0043, False), (-0.001, 0.0021, False)],
)
def test_a_card_says_what_bf16_changes_and_whether_that_is_much(
    tmp_path: Path, low: float, high: float, is_harmless: bool
) -> None:
    change = Bf16Change(measure="dice", images=75, change=0.0, low=low, high=high, data="x")
    write_card(dataclasses.replace(chest_card(tmp_path), bf16=change))
    read = read_card(tmp_path).bf16
    assert read == change
    assert read is not None
    assert read.is_harmless is is_harmless


def test_what_is_no_interval_of_a_change_is_refused(tmp_path: Path) -> None:
    table = '[bf16]\nmeasure = "dice"\nimages = 75\nchange = 0.1\nlow = 0.0\nhigh = 0.01\n'
    text = render_card(chest_card(tmp_path)).replace("[[labels]]", f"{table}\n[[labels]]", 1)
    (tmp_path / CARD_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ModelFolderError, match="change does not lie between low and high"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("input_size", "inputsize"), "inputsize"),
        (lambda text: text.replace('kind = "classifier"', 'kind = "oracle"'), "oracle"),
        (lambda text: text.replace("title", "= title", 1), "TOML"),
    ],
)
def test_a_spoiled_card_is_named(tmp_path: Path, change: Any, words: str) -> None:
    text = change(render_card(chest_card(tmp_path)))
    (tmp_path / CARD_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ModelFolderError, match=words) as wrong:
        read_card(tmp_path)
    assert str(tmp_path / CARD_NAME) in str(wrong.value)


def test_registry_lists_and_finds_models(tmp_path: Path) -> None:
    install(tmp_path, "1.0.0")
    install(tmp_path, "1.1.0")
    registry = ModelRegistry(tmp_path)
    assert [card.version for card in registry.cards()] == ["1.0.0", "1.1.0"]
    assert registry.active({"chest-radiograph": "1.1.0"}, "chest-radiograph").version == "1.1.0"


def test_a_later_folder_hides_an_earlier_one(tmp_path: Path) -> None:
    install(tmp_path / "shipped")
    own = install(tmp_path / "own")
    registry = ModelRegistry(tmp_path / "shipped", tmp_path / "own")
    assert registry.card("chest-radiograph", "1.0.0").folder == own.folder
    assert [card.folder for card in registry.cards()] == [own.folder]


def test_a_card_is_read_again_once_it_has_changed_or_gone(tmp_path: Path) -> None:
    card = install(tmp_path)
    registry = ModelRegistry(tmp_path)
    assert registry.card(card.name, "1.0.0") is registry.card(card.name, "1.0.0")

    write_card(dataclasses.replace(card, title="Another title"))
    assert registry.card("chest-radiograph", "1.0.0").title == "Another title"

    path = card.folder / CARD_NAME
    path.write_text(path.read_text("utf-8").replace("Another title", "A third title"), "utf-8")
    assert registry.card("chest-radiograph", "1.0.0").title == "A third title"

    path.unlink()
    with pytest.raises(ModelFolderError, match="no such model card"):
        registry.card("chest-radiograph", "1.0.0")


def test_unknown_models_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    install(tmp_path)
    registry = ModelRegistry(tmp_path)
    with pytest.raises(ModelNotFoundError, match=r"installed are chest-radiograph/1\.0\.0"):
        registry.card("chest-radiograph", "9.9.9")
    with pytest.raises(ModelNotFoundError, match="add it to"):
        registry.active({}, "chest-radiograph")
    with pytest.raises(ModelNotFoundError, match=r"9\.9\.9 is not installed.*promote an installed"):
        registry.active({"chest-radiograph": "9.9.9"}, "chest-radiograph")


def test_a_card_in_the_wrong_folder_is_refused(tmp_path: Path) -> None:
    card = install(tmp_path)
    card.folder.rename(card.folder.with_name("2.0.0"))
    with pytest.raises(ModelFolderError, match="lies in the folder"):
        ModelRegistry(tmp_path).card("chest-radiograph", "2.0.0")


def test_other_weights_than_the_cards_are_refused(tmp_path: Path) -> None:
    card = install(tmp_path)
    verify_weights(card)
    card.weights_path.write_bytes(card.weights_path.read_bytes() + b"\0")
    with pytest.raises(ModelFolderError, match=r"weights\.safetensors: SHA-256"):
        verify_weights(card)
    card.weights_path.unlink()
    with pytest.raises(ModelFolderError, match="missing"):
        verify_weights(card)


def test_weights_are_kept_in_half_precision_but_vectors_in_full(tmp_path: Path) -> None:
    values = {"a/kernel": np.array([[1 / 3]], np.float32), "a/gamma": np.array([1 / 3], np.float32)}
    path = tmp_path / "weights.safetensors"
    assert write_weights(path, values) == digest(path)
    read = read_weights(path)
    assert read["a/gamma"][0] == np.float32(1 / 3)
    assert read["a/kernel"][0, 0] == np.float16(1 / 3)


def test_a_file_that_is_no_weights_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"<html>")
    with pytest.raises(ModelFolderError, match=r"weights\.safetensors: not a readable"):
        read_weights(path)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({}, "lacks tensor 'head/kernel'"),
        ({"head/kernel": np.zeros((2, 1)), "x": np.zeros(1)}, "holds the unknown tensor 'x'"),
        ({"head/kernel": np.zeros((2, 2))}, r"has shape \(2, 2\)"),
    ],
)
def test_weights_of_another_shape_are_refused(tensors: dict[str, Any], words: str) -> None:
    variable = SimpleNamespace(path="head/kernel", shape=(2, 1))
    with pytest.raises(ModelFolderError, match=words):
        assign_weights(SimpleNamespace(weights=[variable]), tensors, source=Path("w"))


def test_unknown_architectures_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ModelFolderError, match="densenet121"):
        build("alexnet5", labels=1, size=224)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "needs a table"), ("[active]\na = 1\n", "needs a table"), ("[", "TOML")],
)
def test_a_spoiled_models_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "models.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelFolderError, match=words):
        read_active_versions(path)
    with pytest.raises(ModelFolderError, match="no such file"):
        read_active_versions(tmp_path / "absent.toml")
