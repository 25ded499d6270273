"""Batches of frontal radiographs with the lateral ones of the same study."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrDataset, CxrItem
from ai_engine.kinds.dual_view.dataset import ViewPair
from ai_engine.training.augmentation import augmented_image
from ai_engine.training.channel_planes import ChannelPlanes
from ai_engine.training.image_batches import epoch_order, label_targets, plain_input, sample_of
from ai_engine.training.recipe import Recipe

FloatArray = npt.NDArray[np.float32]
Inputs = dict[str, FloatArray]

View = Callable[[CxrItem, ChannelPlanes | None], FloatArray]
"""An image with its further channels, or none: float32 (size, size, channels)."""

HEADS = 3
"""The joined head and one for each branch; all learn the same labels."""


def pair_batches(
    dataset: CxrDataset,
    pairs: Sequence[ViewPair],
    recipe: Recipe,
    epoch: int,
    planes: ChannelPlanes | None = None,
) -> Iterator[tuple[Inputs, list[FloatArray]]]:
    """One epoch's batches: the network's inputs by name, and the targets of its three heads.

    ``planes`` make the frontal image's further channels; the lateral one has none. The lateral
    head is told nothing where there is no lateral image: its targets are not numbers.
    """
    rng = np.random.default_rng((recipe.seed, epoch, 1))

    def varied(item: CxrItem, planes: ChannelPlanes | None) -> FloatArray:
        sample = sample_of(dataset, item, recipe, planes).shown(recipe.input_size)
        settings = recipe.augmentation
        return augmented_image(sample, size=recipe.input_size, settings=settings, rng=rng)

    for chosen in epoch_order(len(pairs), recipe, epoch):
        batch = [pairs[index] for index in chosen]
        frontal = np.stack([varied(pair.frontal, planes) for pair in batch])
        lateral = np.stack([_lateral(pair, varied, recipe.input_size) for pair in batch])
        inputs = network_inputs(frontal, lateral, present=presence(batch))
        yield inputs, head_targets(batch, recipe)


def plain_pairs(
    dataset: CxrDataset,
    pairs: Sequence[ViewPair],
    recipe: Recipe,
    planes: ChannelPlanes | None = None,
) -> Inputs:
    """The inputs that serving would build of some pairs."""

    def plain(item: CxrItem, planes: ChannelPlanes | None) -> FloatArray:
        return plain_input(dataset, item, recipe, planes)

    frontal = np.stack([plain(pair.frontal, planes) for pair in pairs])
    lateral = np.stack([_lateral(pair, plain, recipe.input_size) for pair in pairs])
    return network_inputs(frontal, lateral, present=presence(pairs))


def presence(pairs: Sequence[ViewPair]) -> FloatArray:
    """Whether each pair has a lateral image: float32 (pairs,), 1 or 0."""
    return np.array([pair.lateral is not None for pair in pairs], dtype=np.float32)


def network_inputs(frontal: FloatArray, lateral: FloatArray, *, present: FloatArray) -> Inputs:
    """Images (n, size, size, channels) and presences (n,) as the dual branch takes them."""
    return {
        "frontal": frontal,
        "lateral": lateral,
        "lateral_present": present[:, np.newaxis],
    }


def head_targets(pairs: Sequence[ViewPair], recipe: Recipe) -> list[FloatArray]:
    """Each study's labels for the joined, the frontal and the lateral head: (pairs, labels)."""
    targets = label_targets([pair.frontal for pair in pairs], recipe.labels)
    lateral = np.where(presence(pairs)[:, np.newaxis] > 0, targets, np.float32(np.nan))
    return [targets, targets, lateral.astype(np.float32)]


def _lateral(pair: ViewPair, view: View, size: int) -> FloatArray:
    """The lateral view, or the nothing that stands in for it."""
    nothing = np.zeros((size, size, 1), np.float32)
    return nothing if pair.lateral is None else view(pair.lateral, None)
