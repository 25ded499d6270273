"""The papers' recipes as printed, and the learning rates that follow from them."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ai_engine.datasets.cxr import CxrItem, Split, View
from ai_engine.datasets.layouts import READERS
from ai_engine.datasets.nih import LABELS as NIH
from ai_engine.datasets.rsna import CLASSES, PNEUMONIA_CLASSES
from ai_engine.errors import RecipeError
from ai_engine.library.card import ChannelKind, read_card
from ai_engine.library.registry import shipped_weights
from ai_engine.measures.paper3_table import TABLE_1
from ai_engine.models.catalogue import architectures
from ai_engine.models.end_to_end import CHEST_LABELS, CHEST_TRAINING, TYPE_TRAINING, XRAY_TYPES
from ai_engine.training.image_batches import epoch_order, label_targets
from ai_engine.training.recipe import Augmentation, Recipe, Schedule, Stage
from ai_engine.training.recipe_file import load_recipe, parse_recipe, recipe_names
from ai_engine.training.schedule import best_epoch, is_finished, learning_rate
from ai_engine.training.tasks import specs_of, tasks


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_names_itself_and_an_architecture_there_is(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.architecture in {*architectures(), "retinanet"}
    assert len(set(recipe.labels)) == len(recipe.labels)
    assert recipe.labels or recipe.task == "guard"


def test_paper_1_trains_ten_epochs_of_4500_steps_with_8_images() -> None:
    recipe = load_recipe("paper1-fluorography")
    assert (recipe.epochs, recipe.steps_per_epoch, recipe.batch_size) == (10, 4500, 8)
    assert (recipe.optimizer, recipe.learning_rate) == ("adam", 1e-4)
    assert (recipe.beta_1, recipe.beta_2, recipe.input_size) == (0.9, 0.999, 384)
    assert set(recipe.labels) == set(NIH)
    varied = dataclasses.asdict(recipe.augmentation)
    assert {name for name, value in varied.items() if value} == {"flip", "rotation"}
    assert recipe.center_crop < 1


def test_paper_1_trains_on_rsna_as_on_nih() -> None:
    rsna, nih = load_recipe("paper1-rsna"), load_recipe("paper1-fluorography")
    for name in (
        "epochs", "steps_per_epoch", "batch_size", "optimizer", "learning_rate", "beta_1",
        "beta_2", "input_size", "center_crop", "augmentation",
    ):  # fmt: skip
        assert getattr(rsna, name) == getattr(nih, name)
    assert rsna.labels == PNEUMONIA_CLASSES
    assert rsna.layout in READERS
    assert rsna.exclusive


def test_paper_3s_rows_differ_by_what_the_network_is_given() -> None:
    recipes = [load_recipe(name) for name in TABLE_1]
    assert len({recipe.labels for recipe in recipes}) == 1
    assert [recipe.architecture for recipe in recipes] == ["densenet121", *["dual_branch"] * 3]
    lungs, bones = ChannelKind.LUNGS, ChannelKind.BONES
    assert [recipe.channels for recipe in recipes] == [(), (), (lungs,), (lungs, bones)]
    assert recipes[0].kind == "classifier"
    assert load_recipe("paper3-triage-lungs").kind == "triage"
    assert load_recipe("paper3-triage-lungs").augmentation.contrast > 0


def test_paper_2s_recipes_are_those_of_its_settings() -> None:
    chest, kind = load_recipe("paper2-chest"), load_recipe("paper2-type")
    for recipe, settings in ((chest, CHEST_TRAINING), (kind, TYPE_TRAINING)):
        for name in ("optimizer", "learning_rate", "weight_decay", "epochs", "beta_1", "beta_2"):
            assert getattr(recipe, name) == getattr(settings, name)
        assert recipe.schedule is Schedule.PLATEAU
        assert (recipe.factor, recipe.patience) == (
            settings.plateau_factor,
            settings.plateau_patience,
        )
        assert recipe.input_size == 224
    assert chest.labels == CHEST_LABELS
    assert kind.labels == tuple(XRAY_TYPES)


def test_paper_4s_classes_are_those_of_its_data() -> None:
    assert load_recipe("paper4-xception").labels == CLASSES
    assert "rsna" in READERS


def a_recipe(**changes: object) -> Recipe:
    return dataclasses.replace(load_recipe("paper2-chest"), **changes)  # type: ignore[arg-type]


def losses(*values: float) -> list[dict[str, float]]:
    return [{"valid_loss": value} for value in values]


def test_the_rate_falls_after_epochs_without_progress_and_each_time_counts_anew() -> None:
    recipe = a_recipe(learning_rate=1.0, factor=0.1, patience=2)
    rates = [learning_rate(recipe, losses(*[3, 2, 2, 2, 2, 2, 1][:done])) for done in range(8)]
    np.testing.assert_allclose(rates, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_other_schedules() -> None:
    steps = load_recipe("paper4-xception")
    rates = [learning_rate(steps, losses(*[1] * done)) for done in range(4)]
    np.testing.assert_allclose(rates, [0.045, 0.045, 0.0423, 0.0423])
    cosine = a_recipe(schedule=Schedule.COSINE, learning_rate=1.0, epochs=4)
    rates = [learning_rate(cosine, losses(*[1] * done)) for done in range(4)]
    np.testing.assert_allclose(rates, [1, 0.853553, 0.5, 0.146447], rtol=1e-5)


def test_early_stopping_waits_for_so_many_epochs_without_a_new_best() -> None:
    recipe = a_recipe(stop_after=2, epochs=9)
    assert best_epoch(losses(3, 1, 2)) == 1
    assert not is_finished(recipe, losses(3, 1, 2))
    assert is_finished(recipe, losses(3, 1, 2, 2))
    assert is_finished(recipe, losses(*range(9, 0, -1)))
    assert not is_finished(a_recipe(stop_after=0), losses(1, 2, 3, 4, 5))


def test_an_epoch_with_more_steps_than_images_goes_through_them_again() -> None:
    recipe = a_recipe(batch_size=4, steps_per_epoch=5)
    batches = list(epoch_order(7, recipe, epoch=0))
    assert [len(batch) for batch in batches] == [4] * 5
    assert set(np.concatenate(batches)) == set(range(7))
    assert len(list(epoch_order(9, a_recipe(batch_size=4, steps_per_epoch=0), epoch=0))) == 2
    np.testing.assert_array_equal(batches[0], next(epoch_order(7, recipe, epoch=0)))
    assert any((batches[0] != next(epoch_order(7, recipe, epoch=1))).tolist())


def test_uncertain_labels_are_no_targets() -> None:
    item = CxrItem(
        file="a", patient_id="1", age=1, sex="F", view=View.PA, split=Split.TRAIN,
        labels=frozenset({"A"}), uncertain=frozenset({"B"}),
    )  # fmt: skip
    np.testing.assert_array_equal(label_targets([item], ("A", "B", "C")), [[1, np.nan, 0]])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("batch = 3\n", "unknown setting 'batch'"),
        ('schedule = "weekly"\n', "weekly"),
        ("[augmentation]\nflips = 1\n", "unknown setting 'flips'"),
        ("[[", "not valid TOML"),
        ('extends = "paper9"\n', "extends 'paper9'"),
        ('extends = "paper3-triage"\nchannels = ["heart"]\n', "heart"),
        ('extends = "paper3-triage"\nchannels = ["lungs", "lungs"]\n', "named twice"),
        ('extends = "paper3-triage"\narchitecture = "nonet"\n', "'nonet' is unknown; known are"),
    ],
)
def test_a_wrong_setting_is_named(change: str, words: str) -> None:
    text = 'name = "x"\npaper = "1"\ntask = "labels"\n'
    with pytest.raises(RecipeError, match=words):
        parse_recipe(text + change, where="x.toml")


@pytest.mark.parametrize(
    ("recipe", "change", "words"),
    [
        # Cross-validation in one fold learns from nothing.
        ("paper3-lungs", "folds = 1", "folds is 1: cross-validation"),
        ("opacity-boxes", "folds = 1", "folds is 1: cross-validation"),
        ("opacity-boxes", "folds = 0", "folds is 0: cross-validation"),
        ("opacity-boxes", "folds = -2", "folds is -2: cross-validation"),
        ("xnet-lesions", "patch = 200", "patch is 200, and slices have 160 pixels"),
        ("xnet-lesions", "patch = -8", "patch is -8"),
    ],
)
def test_a_number_that_cannot_be_is_named(recipe: str, change: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse_recipe(f'extends = "{recipe}"\n{change}\n', where="x.toml")


def test_an_unknown_recipe_is_answered_with_all_there_are() -> None:
    with pytest.raises(
        RecipeError, match=r"chest-densenet121, .*paper1-fluorography, .*paper5-xnet"
    ):
        load_recipe("paper9")


def test_tasks_that_know_no_channels_or_starts_say_so() -> None:
    for change, words in (
        ('channels = ["lungs"]', "'classes' takes no channels"),
        ("ranks_beside = true", "'classes' (sees no ranks|does not read 'ranks_beside')"),
        ('task = "boxes"\nranks_beside = true', "'boxes' (sees no ranks|does not read 'ranks_)"),
        ('task = "boxes"\nstart_from = "paper3-triage"', "'boxes' starts from no other model"),
    ):
        with pytest.raises(RecipeError, match=words):
            parse_recipe(f'extends = "paper4-xception"\n{change}\n', where="x.toml")


def test_a_variation_lies_in_a_file_of_its_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'name = "own"\npaper = "1"\narchitecture = "densenet121"\ntask = "classes"\n'
        'labels = ["A", "B"]\ninput_size = 64\nbatch_size = 2\nepochs = 1\nlearning_rate = 0.1\n'
    )
    recipe = load_recipe(str(own))
    assert recipe.task == "classes"
    assert recipe.exclusive
    own.write_text('extends = "paper3-triage"\nname = "own"\n[augmentation]\nflip = 0.0\n')
    recipe = load_recipe(str(own))
    assert (recipe.name, recipe.input_size) == ("own", 512)
    assert (recipe.augmentation.flip, recipe.augmentation.rotation) == (0, 10)
    with pytest.raises(
        RecipeError, match=r"use one of bones.*, lung-segmentation, opacity-boxes, paper1"
    ):
        load_recipe("paper9")


SHIPPED_FOR = {load_recipe(name).task: name for name in reversed(recipe_names())}
"""A shipped recipe of each task."""

SETTINGS = {
    "imagenet": "true",
    "half_precision": "false",
    "center_crop": "0.9",
    "layout": '"nih"',
    "stop_after": "2",
    "steps_per_epoch": "5",
    "folds": "2",
    "elastic": "0.1",
    "air": "0.1",
    "dropout": "0.2",
    "label_smoothing": "0.1",
    "average_decay": "0.9",
    "head_epochs": "3",
    "distance_weight": "2.0",
    "discriminator_rate": "0.1",
    "optimizer": '"radam"',
    "epochs": "3",
    "auxiliary_labels": '["Mass"]',
    "doubtful": '["a.png"]',
}


@pytest.mark.parametrize("task", tasks())
def test_every_task_has_a_shipped_recipe_and_says_what_it_needs(task: str) -> None:
    shipped = load_recipe(SHIPPED_FOR[task])
    assert shipped.kind in specs_of(task)
    spec = shipped.spec
    assert set(spec.needs) <= spec.reads
    known = {entry.name for entry in dataclasses.fields(Recipe)}
    for table, kind in (("augmentation", Augmentation), ("stages", Stage)):
        known |= {f"{table}.{entry.name}" for entry in dataclasses.fields(kind)}
    assert spec.reads <= known


@pytest.mark.parametrize("task", tasks())
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_its_training_does_not_read_is_an_error(task: str, name: str) -> None:
    if name in load_recipe(SHIPPED_FOR[task]).spec.reads:
        pytest.skip("is read")
    text = f'extends = "{SHIPPED_FOR[task]}"\n{name} = {SETTINGS[name]}\n'
    with pytest.raises(RecipeError, match=rf"{name}.*; correct this setting"):
        parse_recipe(text, where="x.toml")


def test_every_setting_is_read_by_some_task() -> None:
    read = frozenset().union(*(spec.reads for specs in tasks().values() for spec in specs.values()))
    assert {entry.name for entry in dataclasses.fields(Recipe)} <= read


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ('extends = "paper2-chest"\nimagenet = true', "no ImageNet weights for 'densenet121'"),
        ('extends = "lung-segmentation"\nimagenet = true', "start_from and imagenet exclude"),
        ('extends = "paper3-lungs"\nschedule = "plateau"', "'mask' validates no epoch"),
        ('extends = "paper2-chest"\nmomentum = 0.5', "only with optimizer 'sgd', which is 'radam'"),
        ('extends = "paper4-xception"\nweight_decay = 0.1', "'adam' or 'radam', which is 'sgd'"),
        ('extends = "paper3-lungs"\npatience = 2', "'plateau' or 'steps', which is 'cosine'"),
        ('extends = "paper3-lungs"\n[augmentation]\nmixup = 0.2', "'augmentation.mixup'"),
        ('extends = "paper3-bones"\n[augmentation]\ngamma = 0.2', "'augmentation.gamma'"),
        ('extends = "paper3-bones"\nkind = "triage"', "kind 'triage' is not what task 'bones'"),
        ('extends = "paper4-detection"\narchitecture = "densenet121"', "known are retinanet"),
        ('extends = "paper2-chest"\nepochs = "ten"', "epochs = 'ten': input should be a valid"),
        ('extends = "paper2-chest"\naugmentation = 3', "3 is no table of settings"),
        ('name = "x"\ntask = "boxes"', "'architecture' is missing"),
        ('name = "x"', "setting 'task' is missing; use one of findings, labels"),
        ('extends = "chest-guard"\ninput_size = 32', "exactly one of the"),
    ],
)
def test_settings_that_contradict_each_other_are_named(change: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse_recipe(change, where="x.toml")


@pytest.mark.parametrize(
    "folder", [path.parent for path in sorted(shipped_weights().glob("*/*/card.toml"))], ids=str
)
def test_the_command_on_a_shipped_card_names_the_recipe_that_it_tells_of(folder: Path) -> None:
    card = read_card(folder)
    if not card.command:
        pytest.skip("nothing was trained")
    words = card.command.split()
    recipe = load_recipe(words[words.index("--recipe") + 1])
    assert (recipe.model_name, recipe.architecture) == (card.name, card.architecture)
    assert (recipe.kind, recipe.input_size) == (card.kind, card.input_size)
    assert (recipe.center_crop, recipe.equalized) == (card.center_crop, card.equalized)
    if recipe.task != "guard":
        assert tuple(label.name for label in card.labels) == recipe.labels
    reads = recipe.spec.reads
    batch = f", batch {recipe.batch_size}" if "batch_size" in reads else ""
    assert f"seed {recipe.seed}{batch}" in card.recipe
    for stage in recipe.stages or ([recipe] if "epochs" in reads else []):
        size = stage.size if recipe.stages else recipe.input_size
        assert f"{stage.epochs} epochs at {size} px" in card.recipe
    assert ("from ImageNet weights" in card.recipe) == recipe.imagenet
