"""The registry of kinds, and what a model must have before a route may name it."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ai_engine.errors import ImageRefusedError, ModelFolderError, ModelNotFoundError
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.kinds.class_guard import ClassGuard
from ai_engine.kinds.classifier.classes import is_exclusive
from ai_engine.kinds.guarding import Unguarded
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, kind_of, kinds, part
from ai_engine.kinds.serving import require_reportable, require_routable, require_suitable
from ai_engine.kinds.shipped import CHEST_MODEL, GUARD_MODEL
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import Label, ModelCard, read_card, write_card
from ai_engine.library.kinds import KINDS
from ai_engine.library.labels import reported_label
from ai_engine.library.registry import ModelRegistry, shipped_weights
from ai_engine.prediction import RefusalReason, abnormality
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.recipe_file import load_recipe

SHIPPED = {CHEST_MODEL: "4.0.0", GUARD_MODEL: "1.0.0"}
TYPES = ("Spine", "Hand", "Chest")
# Whatever serves; what training needs is named by tasks, and imported when one is learned.
SERVED = """
import sys
from pkgutil import resolve_name
from ai_engine.kinds.registry import Part, kinds
for kind in kinds():
    for part in Part:
        if getattr(kind, part):
            assert callable(resolve_name(getattr(kind, part))), (kind.name, part)
assert not {"tensorflow", "keras", "torch"} & set(sys.modules)
"""


class Sees:
    """A network of X-ray types that always sees the same."""

    def __init__(self, seen: str) -> None:
        self.row = [0.9 if name == seen else 0.05 for name in TYPES]

    def predict(self, batch: FloatArray) -> Activation:
        """The same shares for each image."""
        rows = np.array([self.row] * len(batch), np.float32)
        return Activation(probabilities=rows, features=np.zeros((len(batch), 1, 1, 1), np.float32))


def types_card(folder: Path = Path()) -> ModelCard:
    labels = tuple(Label(name=name, title=name, threshold=0.5) for name in TYPES)
    return dataclasses.replace(
        chest_card(folder), name="xray-types", labels=labels, input_size=32, exclusive=True
    )


def an_image() -> Radiograph:
    pixels = np.random.default_rng(1).random((40, 40), dtype=np.float32)
    return Radiograph(sop_instance_uid="1.2.3", pixels=pixels, content=content_region(pixels))


def test_every_kind_calls_itself_as_cards_do() -> None:
    assert [kind.name for kind in kinds()] == list(KINDS)


@pytest.mark.slow
def test_every_part_is_there_and_none_that_serves_loads_a_training_framework() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVED], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_kind_without_a_part_says_what_it_cannot_do() -> None:
    guard = dataclasses.replace(chest_card(Path()), kind="guard")
    with pytest.raises(ModelFolderError, match="is a guard, which makes no results"):
        part(guard, Part.PREDICTOR)


def test_a_network_without_weights_is_refused_with_its_kind() -> None:
    card = dataclasses.replace(chest_card(Path()), weights_file="", input_size=0)
    with pytest.raises(ModelFolderError, match="a classifier needs input_size and weights_file"):
        kind_of(card)


def test_the_shipped_models_may_be_named_by_routes() -> None:
    registry = ModelRegistry()
    for name, version in ((CHEST_MODEL, "4.0.0"), ("ct-high-attenuation", "1.0.0")):
        require_routable(registry.card(name, version), registry, SHIPPED)


def test_findings_without_codes_are_refused_before_the_first_study() -> None:
    card = dataclasses.replace(
        chest_card(Path()), labels=(Label(name="Odd", title="Odd", threshold=0.5),)
    )
    with pytest.raises(ModelFolderError, match="label 'Odd' has no code"):
        require_reportable(card, ModelRegistry())


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        *(("classifier", True), ("triage", True)),
        *(("network", False), ("service", False), ("detector", False)),
    ],
)
def test_ranks_that_a_kind_would_not_show_are_refused(kind: str, shown: bool) -> None:
    """A card that asks for them is not served without them."""
    card = dataclasses.replace(ModelRegistry().card(CHEST_MODEL, "4.0.0"), kind=kind)
    assert card.ranks_beside
    if shown:
        require_reportable(card, ModelRegistry())
    else:
        with pytest.raises(ModelFolderError, match=f"models of kind '{kind}' are given no ranks"):
            require_reportable(card, ModelRegistry())


@pytest.mark.parametrize(
    "recipe", ["paper1-rsna", "paper4-xception", "paper2-type", "paper2-xray-or-not"]
)
def test_the_papers_classes_have_codes_and_still_exclude_each_other(recipe: str) -> None:
    made = load_recipe(recipe)
    labels = tuple(reported_label(name, threshold=0.5) for name in made.labels)
    card = dataclasses.replace(
        chest_card(Path()), name=recipe, architecture=made.architecture, labels=labels
    )
    require_routable(card, ModelRegistry(), SHIPPED)
    assert is_exclusive(card)
    assert not is_exclusive(chest_card(Path()))


def test_normal_is_no_abnormality() -> None:
    assert abnormality("Normal", 0.9) == pytest.approx(0.1)


def test_a_guard_that_is_missing_or_guards_nothing_is_told() -> None:
    registry = ModelRegistry()
    with pytest.raises(ModelNotFoundError, match="no version of model 'hand-guard' is active"):
        require_routable(
            dataclasses.replace(chest_card(Path()), guard="hand-guard"), registry, SHIPPED
        )
    versions = SHIPPED | {"lung-segmentation": "1.1.0"}
    with pytest.raises(ModelFolderError, match="is a segmenter, which guards no other model"):
        require_routable(
            dataclasses.replace(chest_card(Path()), guard="lung-segmentation"), registry, versions
        )


def test_a_route_of_hands_to_a_model_of_chests_is_refused() -> None:
    card = dataclasses.replace(chest_card(Path()), body_parts=("CHEST",), modalities=("CR", "DX"))
    require_suitable(card, modalities=("DX", "RG"), body_parts=("CHEST", "THORAX"))
    require_suitable(card)
    with pytest.raises(ModelFolderError, match="is for body part CHEST, the route sends HAND"):
        require_suitable(card, body_parts=("HAND",))
    with pytest.raises(ModelFolderError, match="is for modality CR or DX, the route sends MG"):
        require_suitable(card, modalities=("MG",))


def test_a_card_keeps_what_its_model_is_for(tmp_path: Path) -> None:
    card = dataclasses.replace(
        chest_card(tmp_path), guard="xray-types", sees="Hand", body_parts=("HAND",),
        modalities=("CR", "DX"), views=("PA",), exclusive=True,
    )  # fmt: skip
    write_card(card)
    assert read_card(tmp_path) == card
    assert chest_card(tmp_path).guard == GUARD_MODEL


def test_a_hand_model_is_guarded_by_what_shows_a_hand() -> None:
    guard = ClassGuard(types_card(), Sees("Hand"), sees="Hand")
    guard.check(an_image())
    assert (guard.sought, guard.body_part) == ("Hand", "HAND")
    with pytest.raises(ImageRefusedError, match="looks like: Chest") as refused:
        ClassGuard(types_card(), Sees("Chest"), sees="Hand").check(an_image())
    assert refused.value.reason is RefusalReason.NOT_EXPECTED
    with pytest.raises(ImageRefusedError):
        guard.check(an_image(), least=0.95)
    with pytest.raises(ModelFolderError, match="has no label 'Foot' among Spine, Hand, Chest"):
        ClassGuard(types_card(), Sees("Hand"), sees="Foot")


def test_a_model_without_a_guard_sees_every_image() -> None:
    card = dataclasses.replace(chest_card(Path()), guard="none")
    guard = Loading(card=card, cache=Path()).guard()
    assert isinstance(guard, Unguarded)
    guard.check(an_image())


def test_the_guard_that_a_card_names_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "xray-types" / "1.0.0"
    place.mkdir(parents=True)
    write_card(dataclasses.replace(types_card(place), version="1.0.0"))
    monkeypatch.setattr(Loading, "backend", lambda _: Sees("Hand"))
    hand = dataclasses.replace(chest_card(Path()), name="hand", guard="xray-types", sees="Hand")
    loading = Loading(
        card=hand,
        registry=ModelRegistry(shipped_weights(), tmp_path),
        versions={"xray-types": "1.0.0"},
        cache=tmp_path,
    )
    guard = loading.guard()
    guard.check(an_image())
    assert guard.sought == "Hand"
