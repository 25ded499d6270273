"""Model folders as somebody might send them who means harm: nothing is written or read outside."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai_engine.datasets.cxr import image_path
from ai_engine.errors import DatasetError, ModelFolderError, ModelNotFoundError, RecipeError
from ai_engine.importing.folder import install_model
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import (
    CARD_NAME,
    LONGEST_CARD,
    ChannelKind,
    InputChannel,
    ModelCard,
    read_card,
    render_card,
    write_card,
)
from ai_engine.library.names import made_model_folder, model_folder, require_name
from ai_engine.library.registry import ModelRegistry, verify_weights
from ai_engine.library.weights_file import write_weights
from ai_engine.training.recipe_file import load_recipe, parse_recipe

TENSORS = {"head/kernel": np.ones((3, 1), np.float32), "head/bias": np.zeros(1, np.float32)}

HOSTILE = (
    "", ".", "..", "../../x", "../../../x", "/x", "//x", "/etc/x", "a/b", "a/", "a/../b", "./a",
    "a\\b", "..\\..\\x", "\\\\host\\share", "C:x", "C:\\x", "a:b", "a\0b", "a\nb", "a\n",
    "a\x1b[2Jb", ".hidden", ".incoming", "-option", "~", "~root", "a.", "a ", " a", "a b", "a..b",
    "a%2fb", "a\N{FULLWIDTH SOLIDUS}b", "a\N{FRACTION SLASH}b", "a\N{RIGHT-TO-LEFT OVERRIDE}b",
    "\N{LATIN SMALL LETTER A WITH DIAERESIS}", "a" * 65, "a" * 300, "con", "CON",
    "nul.safetensors", "Com1", "lpt9.toml", "$HOME", "`id`", "a;b", "*", "?", "promotions.jsonl",
    "Promotions",
)  # fmt: skip
"""Nothing of this is one part of a path on every file system, or it's somebody else's."""

NAMES = pytest.mark.parametrize("name", HOSTILE, ids=ascii)
FIELDS = pytest.mark.parametrize("field", ["name", "version", "weights_file", "architecture"])


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """A model folder as somebody hands it on."""
    folder = tmp_path / "far" / "away" / "sent"
    digest = write_weights(folder / "weights.safetensors", TENSORS)
    write_card(chest_card(folder, digest=digest))
    return folder


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The folder of the node's own models."""
    folder = tmp_path / "node" / "data" / "models"
    folder.mkdir(parents=True)
    return folder


def everything(root: Path) -> set[tuple[str, int]]:
    """Every file and folder below a root, and when it was changed."""
    return {(str(path), path.lstat().st_mtime_ns) for path in root.rglob("*")}


def change(folder: Path, old: str, new: str) -> None:
    """Change a card's text without asking whether it's a card then."""
    path = folder / CARD_NAME
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@NAMES
@FIELDS
def test_no_card_with_a_hostile_name_exists(sent: Path, field: str, name: str) -> None:
    if field == "weights_file" and not name:
        return  # a classical method has none; a classifier's card needs one, which is tested below
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(read_card(sent), **{field: name})


@NAMES
@FIELDS
def test_a_folder_with_a_hostile_name_is_refused_and_nothing_is_written(
    tmp_path: Path, sent: Path, models: Path, field: str, name: str
) -> None:
    card = read_card(sent)
    text = render_card(card)
    line = f'{field} = "{getattr(card, field)}"'
    assert line in text
    escaped = "".join(f"\\u{ord(letter):04X}" for letter in name)
    (sent / CARD_NAME).write_text(text.replace(line, f'{field} = "{escaped}"', 1))
    before = everything(tmp_path)
    with pytest.raises(ModelFolderError, match=r"card\.toml: .*weights_file|card\.toml: " + field):
        install_model(sent, models)
    assert everything(tmp_path) == before


@pytest.mark.parametrize(
    "digest", ["../../x", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n"]
)
def test_a_digest_is_no_path(sent: Path, digest: str) -> None:
    with pytest.raises(ValueError, match="no SHA-256"):
        dataclasses.replace(read_card(sent), weights_digest=digest)


@NAMES
@pytest.mark.parametrize("field", ["model", "version", "weights_digest"])
def test_no_channel_has_a_hostile_source(name: str, field: str) -> None:
    channel = InputChannel(
        kind=ChannelKind.LUNGS, model="lung-segmentation", version="1.0.0", weights_digest="a" * 64
    )
    if field == "weights_digest" and not name:
        return
    with pytest.raises(ValueError, match=f"channels.{field}"):
        dataclasses.replace(channel, **{field: name})


@pytest.mark.parametrize("value", ["5", "1.5", "true", "[]", '["a"]', "{}", "2026-01-01"])
@FIELDS
def test_a_name_is_a_text(sent: Path, field: str, value: str) -> None:
    card = read_card(sent)
    change(sent, f'{field} = "{getattr(card, field)}"', f"{field} = {value}")
    with pytest.raises(ModelFolderError, match=r"card\.toml: "):
        read_card(sent)


@NAMES
def test_a_registry_finds_and_makes_nothing_by_a_hostile_name(models: Path, name: str) -> None:
    before = everything(models.parent)
    for model, version in ((name, "1.0.0"), ("chest", name)):
        with pytest.raises(ModelFolderError, match=r"no name|reserved"):
            model_folder(models, model, version)
        with pytest.raises(ModelFolderError, match=r"no name|reserved"):
            made_model_folder(models, model, version)
        with pytest.raises((ModelFolderError, ModelNotFoundError)):
            ModelRegistry(models).card(model, version)
    assert everything(models.parent) == before


@NAMES
def test_no_recipe_makes_a_model_of_a_hostile_name(name: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04X}" for letter in name)
    text = f'extends = "paper1-rsna"\nname = "{escaped}"\n'
    with pytest.raises(RecipeError, match="name"):
        parse_recipe(text, where="mine.toml")


@pytest.mark.parametrize(
    "name", ["a", "9", "A-b_c+d.1", "1.0.0", "2.0.0-rc.1+build", "x" * 64, "console"]
)
def test_ordinary_names_pass(name: str) -> None:
    assert require_name(name, "name") == name


def test_shipped_cards_and_recipes_pass() -> None:
    assert ModelRegistry().cards()
    assert load_recipe("paper1-rsna").model_name == "paper1-rsna"


@pytest.mark.parametrize("file", [CARD_NAME, CARD_NAME.upper()])
def test_the_card_is_not_its_own_weights(sent: Path, file: str) -> None:
    with pytest.raises(ValueError, match="the card itself"):
        dataclasses.replace(read_card(sent), weights_file=file)


@pytest.mark.parametrize("file", [CARD_NAME, "weights.safetensors"])
@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_out_of_the_sent_folder_is_not_followed(
    tmp_path: Path, sent: Path, models: Path, file: str, absolute: bool
) -> None:
    secret = sent.parent / "secret"
    (sent / file).rename(secret)
    (sent / file).symlink_to(secret if absolute else Path("..") / "secret")
    before = everything(tmp_path)
    with pytest.raises(ModelFolderError, match="is a link out of its folder"):
        install_model(sent, models)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("file", [CARD_NAME, "weights.safetensors"])
def test_a_pipe_is_not_waited_for(sent: Path, models: Path, file: str) -> None:
    (sent / file).unlink()
    os.mkfifo(sent / file)
    with pytest.raises(ModelFolderError, match="no regular file"):
        install_model(sent, models)


def test_a_folder_that_is_a_link_itself_is_the_user_s_choice(
    tmp_path: Path, sent: Path, models: Path
) -> None:
    (tmp_path / "link").symlink_to(sent)
    assert install_model(tmp_path / "link", models).folder == models / "chest-radiograph" / "0.0.1"


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_in_the_registry_is_replaced_and_not_written_through(
    tmp_path: Path, sent: Path, models: Path, link: Callable[[Path, Path], None]
) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")
    place = models / "chest-radiograph" / "0.0.1"
    place.mkdir(parents=True)
    link(place / "weights.safetensors", outside)
    (place / CARD_NAME).symlink_to(tmp_path / "nothing")
    verify_installed(sent, models)
    assert outside.read_bytes() == b"mine"
    assert not (tmp_path / "nothing").exists()
    assert all(file.lstat().st_nlink == 1 for file in place.iterdir())
    assert not any(file.is_symlink() for file in place.iterdir())


def test_a_link_to_a_card_elsewhere_is_no_installed_model(
    tmp_path: Path, sent: Path, models: Path
) -> None:
    place = models / "chest-radiograph" / "0.0.1"
    place.mkdir(parents=True)
    (place / CARD_NAME).symlink_to(sent / CARD_NAME)
    with pytest.raises(ModelFolderError, match="is a link out of its folder"):
        install_model(sent, models)


def verify_installed(sent: Path, models: Path) -> None:
    """Install a model and load what was installed."""
    card = install_model(sent, models)
    verify_weights(read_card(card.folder))


def test_hard_links_to_the_sent_files_change_nothing_installed(
    tmp_path: Path, sent: Path, models: Path
) -> None:
    (tmp_path / "other").hardlink_to(sent / "weights.safetensors")
    card = install_model(sent, models)
    (tmp_path / "other").write_bytes(b"spoiled")
    verify_weights(card)


@pytest.mark.parametrize("part", ["chest-radiograph", "chest-radiograph/0.0.1"])
def test_a_folder_of_the_registry_that_is_a_link_is_not_written_into(
    tmp_path: Path, sent: Path, models: Path, part: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (models / part).parent.mkdir(exist_ok=True)
    (models / part).symlink_to(elsewhere)
    with pytest.raises(ModelFolderError, match="is a link to"):
        install_model(sent, models)
    assert not list(elsewhere.rglob("*.*"))


@pytest.mark.parametrize(
    ("old", "new"), [("chest-radiograph", "Chest-Radiograph"), ("0.0.1", "0.0.1-RC")]
)
def test_names_that_differ_only_in_case_are_one_model(
    sent: Path, models: Path, old: str, new: str
) -> None:
    if old == "0.0.1":
        change(sent, '"0.0.1"', '"0.0.1-rc"')
    install_model(sent, models)
    change(sent, '"0.0.1-rc"' if old == "0.0.1" else f'"{old}"', f'"{new}"')
    with pytest.raises(ModelFolderError, match="differs only in case"):
        install_model(sent, models)


def test_a_card_says_nothing_of_another_model_than_its_folder_s(sent: Path, models: Path) -> None:
    shutil.copytree(sent, models / "another" / "0.0.1")
    with pytest.raises(ModelFolderError, match="lies in the folder"):
        ModelRegistry(models).cards()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a = " + b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        (b"a = " + b"{a=" * 100_000, "nested too deeply"),
        (b"a = " + b"9" * 5000, "not valid TOML"),
        (b"a = '\xff'", "not valid TOML"),
        (b"\0", "not valid TOML"),
        (b"#" * (LONGEST_CARD + 1), "longer than"),
        (b"labels = 5", "correct the card"),
        (b"labels = [5]", "correct the card"),
        (b"[labels]\na = 1", "correct the card"),
        (b"channels = [1]", "correct the card"),
        (b"kind = []", "correct the card"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_a_text_that_is_no_card_is_named(sent: Path, text: bytes, words: str) -> None:
    (sent / CARD_NAME).write_bytes(text)
    with pytest.raises(ModelFolderError, match=words):
        read_card(sent)


@pytest.mark.parametrize("file", ["../x.png", "/etc/passwd", "a/../../x.png", "a\0b"])
def test_a_data_set_s_table_names_no_image_outside_of_it(tmp_path: Path, file: str) -> None:
    with pytest.raises(DatasetError, match="outside of this folder"):
        image_path(tmp_path, file)


def test_cards_are_written_whole_or_not_at_all(sent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card: ModelCard = read_card(sent)
    before = everything(sent)
    monkeypatch.setattr(Path, "write_text", _full_disk)
    with pytest.raises(OSError, match="full"):
        write_card(dataclasses.replace(card, title="Another"))
    assert everything(sent) == before


def _full_disk(*_: Any, **__: Any) -> None:
    raise OSError("the disk is full")
