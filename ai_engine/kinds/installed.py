"""The installed models that a training rests on: where it starts, and what makes its channels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ai_engine.errors import RecipeError
from ai_engine.kinds.channels import active_channel_card
from ai_engine.kinds.loading import Loading, load_channel
from ai_engine.kinds.start_file import is_start_file, start_of_file
from ai_engine.library.card import ChannelKind, ModelCard
from ai_engine.library.registry import ModelRegistry, verify_weights
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import NO_MODELS, RunModels


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledModels:
    """What is installed, which versions are active, and where converted models are kept."""

    registry: ModelRegistry
    versions: Mapping[str, str]
    cache: Path

    def named(self, model: str) -> ModelCard:
        """A model by ``name/version``, or the active version of ``name``.

        Raises
        ------
        ModelNotFoundError, ModelFolderError
            If it isn't installed or active, or its weights are not those of its card.
        """
        name, _, version = model.partition("/")
        card = (
            self.registry.card(name, version)
            if version
            else self.registry.active(self.versions, name)
        )
        verify_weights(card)
        return card


def models_of(
    recipe: Recipe, installed: InstalledModels | None, *, threads: int | None = None
) -> RunModels:
    """Find and load what a recipe asks for.

    Raises
    ------
    RecipeError
        If it asks for installed models, and the caller knows of none.
    ModelNotFoundError, ModelFolderError, BackendError
        If one of them isn't installed or active, is damaged or can't be converted.
    """
    taught = recipe.spec.lungs_taught
    if not recipe.channels and not recipe.start_from and not taught:
        return NO_MODELS
    if installed is None:
        raise RecipeError(
            f"{recipe.name}: needs installed models (channels, start_from or lungs); train it with "
            "dicom-node models train, which knows them"
        )
    # All are found before the first is loaded, which takes seconds.
    makers = [
        active_channel_card(kind, installed.registry, installed.versions)
        for kind in (*recipe.channels, *([ChannelKind.LUNGS] if taught else []))
    ]
    start = _start_of(recipe, installed)
    loaded = tuple(
        load_channel(Loading(card=card, cache=installed.cache, threads=threads)) for card in makers
    )
    if taught:
        return RunModels(start=start, teacher=loaded[-1])
    beside = installed.named(recipe.beside) if recipe.beside else None
    return RunModels(start=start, beside=beside, channels=loaded)


def _start_of(recipe: Recipe, installed: InstalledModels) -> ModelCard | None:
    """The model that a recipe starts from: an installed one, or the weights of a file."""
    if is_start_file(recipe.start_from):
        return start_of_file(Path(recipe.start_from), recipe, installed.cache)
    return installed.named(recipe.start_from) if recipe.start_from else None
