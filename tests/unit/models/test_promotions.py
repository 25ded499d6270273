"""Changing a model's active version: durable, explained, and reversible."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import write_card
from ai_engine.library.weights_file import write_weights
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.models.promotions import PromotionError

NAME = "chest-radiograph"
AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A configuration in which 2.0.0 is active, and a folder with the versions 1.1.0 and 1.2.0."""
    config, models = tmp_path / "config", tmp_path / "models"
    config.mkdir()
    (config / "models.toml").write_text(f'[active]\n{NAME} = "2.0.0"\n')
    for version in ("1.1.0", "1.2.0"):
        add_version(models, version)
    return config, models


def add_version(models: Path, version: str) -> Path:
    """Add a version with one weight, which is another one in each version."""
    place = models / NAME / version
    values = np.full((2, 2), float(version.replace(".", "")), dtype=np.float32)
    digest = write_weights(place / "weights.safetensors", {"head/kernel": values})
    write_card(chest_card(place, version=version, digest=digest))
    return place


def test_a_promotion_is_seen_by_whoever_asked_before(folders: tuple[Path, Path]) -> None:
    running, command = ModelCards(*folders), ModelCards(*folders)
    assert running.versions[NAME] == "2.0.0"
    command.promote(NAME, "1.1.0", by="kate", at=AT)
    assert running.identity(NAME).version == "1.1.0"


def test_promotions_are_taken_back_one_by_one(folders: tuple[Path, Path]) -> None:
    cards = ModelCards(*folders)
    cards.promote(NAME, "1.1.0", by="kate", at=AT)
    cards.promote(NAME, "1.2.0", by="kate", at=AT)
    assert cards.promoted() == {NAME}
    versions = [cards.rollback(NAME, by="tom", at=AT).after for _ in range(2)]
    assert versions == ["1.1.0", "2.0.0"]
    with pytest.raises(PromotionError, match="no promotion is left"):
        cards.rollback(NAME, by="tom", at=AT)
    assert cards.promoted() == frozenset()
    cards.promote(NAME, "1.2.0", by="kate", at=AT)
    assert cards.rollback(NAME, by="tom", at=AT).after == "2.0.0"


def test_the_journal_says_who_changed_what_when(folders: tuple[Path, Path]) -> None:
    made = ModelCards(*folders).promote(NAME, "1.1.0", by="kate", at=AT)
    (read,) = ModelCards(*folders).journal.entries()
    assert read == made
    assert (read.by, read.at, read.before, read.after) == ("kate", AT, "2.0.0", "1.1.0")
    assert len(read.weights_digest) == 64


def test_a_version_that_cannot_be_served_is_not_promoted(folders: tuple[Path, Path]) -> None:
    cards = ModelCards(*folders)
    with pytest.raises(ModelUnavailableError, match="not installed"):
        cards.promote(NAME, "9.9.9", by="kate", at=AT)
    with pytest.raises(PromotionError, match="active already"):
        cards.promote(NAME, "2.0.0", by="kate", at=AT)
    (folders[1] / NAME / "1.1.0" / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(ModelUnavailableError, match="SHA-256"):
        cards.promote(NAME, "1.1.0", by="kate", at=AT)
    assert cards.journal.entries() == ()


def test_nothing_rolls_back_to_a_version_that_was_removed(folders: tuple[Path, Path]) -> None:
    cards = ModelCards(*folders)
    cards.promote(NAME, "1.1.0", by="kate", at=AT)
    cards.promote(NAME, "1.2.0", by="kate", at=AT)
    shutil.rmtree(folders[1] / NAME / "1.1.0")
    with pytest.raises(ModelUnavailableError, match=r"1\.1\.0 is not installed"):
        cards.rollback(NAME, by="tom", at=AT)
    assert cards.versions[NAME] == "1.2.0"


def test_a_damaged_journal_is_named_with_its_line(folders: tuple[Path, Path]) -> None:
    cards = ModelCards(*folders)
    cards.promote(NAME, "1.1.0", by="kate", at=AT)
    journal = folders[1] / "promotions.jsonl"
    journal.write_text(journal.read_text() + "{}\n")
    with pytest.raises(PromotionError, match=r"promotions\.jsonl, line 2"):
        ModelCards(*folders)


def test_a_model_that_models_toml_does_not_name_can_be_promoted_and_withdrawn(
    folders: tuple[Path, Path],
) -> None:
    (folders[0] / "models.toml").write_text("[active]\n")
    cards = ModelCards(*folders)
    cards.promote(NAME, "1.1.0", by="kate", at=AT)
    assert cards.versions == {NAME: "1.1.0"}
    assert cards.rollback(NAME, by="kate", at=AT).after == ""
    assert cards.versions == {}
