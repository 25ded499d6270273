"""Batches of frontal radiographs with the lateral ones of the same study."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem
from ai_engine.datasets.view_pairs import ViewPair
from ai_engine.training.augmentation import augmented_view
from ai_engine.training.image_batches import epoch_order, label_targets, plain_image, sample_of
from ai_engine.training.published_recipe import PublishedRecipe

FloatArray = npt.NDArray[np.float32]
Inputs = dict[str, FloatArray]

View = Callable[[CxrItem], FloatArray]

HEADS = 3
"""The joined head and one for each branch; all learn the same labels."""


def pair_batches(
    dataset: CxrDataset, pairs: Sequence[ViewPair], recipe: PublishedRecipe, epoch: int
) -> Iterator[tuple[Inputs, list[FloatArray]]]:
    """One epoch's batches: the network's inputs by name, and the targets of its three heads.

    The lateral head is told nothing where there is no lateral image: its targets are not numbers.
    """
    rng = np.random.default_rng((recipe.seed, epoch, 1))

    def varied(item: CxrItem) -> FloatArray:
        sample = sample_of(dataset, item, recipe)
        return augmented_view(sample, size=recipe.input_size, settings=recipe.augmentation, rng=rng)

    for chosen in epoch_order(len(pairs), recipe, epoch):
        batch = [pairs[index] for index in chosen]
        frontal = np.stack([varied(pair.frontal) for pair in batch])
        lateral = np.stack([_lateral(pair, varied, recipe.input_size) for pair in batch])
        inputs = network_inputs(frontal, lateral, present=presence(batch))
        yield inputs, head_targets(batch, recipe)


def plain_pairs(dataset: CxrDataset, pairs: Sequence[ViewPair], recipe: PublishedRecipe) -> Inputs:
    """The inputs that serving would build of some pairs."""

    def plain(item: CxrItem) -> FloatArray:
        return plain_image(dataset, item, recipe)

    frontal = np.stack([plain(pair.frontal) for pair in pairs])
    lateral = np.stack([_lateral(pair, plain, recipe.input_size) for pair in pairs])
    return network_inputs(frontal, lateral, present=presence(pairs))


def presence(pairs: Sequence[ViewPair]) -> FloatArray:
    """Whether each pair has a lateral image: float32 (pairs,), 1 or 0."""
    return np.array([pair.lateral is not None for pair in pairs], dtype=np.float32)


def network_inputs(frontal: FloatArray, lateral: FloatArray, *, present: FloatArray) -> Inputs:
    """Views (n, size, size) and presences (n,) as the dual branch takes them, by name."""
    return {
        "frontal": frontal[..., np.newaxis],
        "lateral": lateral[..., np.newaxis],
        "lateral_present": present[:, np.newaxis],
    }


def head_targets(pairs: Sequence[ViewPair], recipe: PublishedRecipe) -> list[FloatArray]:
    """Each study's labels for the joined, the frontal and the lateral head: (pairs, labels)."""
    targets = label_targets([pair.frontal for pair in pairs], recipe.labels)
    lateral = np.where(presence(pairs)[:, np.newaxis] > 0, targets, np.float32(np.nan))
    return [targets, targets, lateral.astype(np.float32)]


def _lateral(pair: ViewPair, view: View, size: int) -> FloatArray:
    """The lateral view, or the nothing that stands in for it."""
    return np.zeros((size, size), np.float32) if pair.lateral is None else view(pair.lateral)
