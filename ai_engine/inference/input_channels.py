"""What a network is given beside the radiograph itself (paper 3, section 3.3).

"We switch to a single grayscale channel for the original x-ray image and add lung segmented and
bone subtracted images (see Fig. 1) as inputs on separate channels." Each is made by a model of its
own. Training and serving stack them alike: the lungs' channel holds the standardised radiograph
within the lungs and 0, its mean, elsewhere; the bones' channel their standardised image.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ai_engine.errors import ModelFolderError
from ai_engine.library.card import ChannelKind, InputChannel, ModelCard
from ai_engine.prediction import Remark, RemarkKind
from ai_engine.preprocessing.geometry import FloatImage, Mask, standardize
from ai_engine.preprocessing.harmonization import ranked
from ai_engine.preprocessing.radiograph import Radiograph

FloatArray = npt.NDArray[np.float32]


class ChannelSource(Protocol):
    """Makes one channel of a radiograph. Safe to call from several threads."""

    @property
    def kind(self) -> ChannelKind:
        """Which channel it is."""
        ...

    @property
    def card(self) -> ModelCard:
        """The model that makes it."""
        ...

    def plane(self, radiograph: Radiograph) -> FloatImage:
        """The channel on the radiograph's own grid: float32 (rows, columns), 0 to 1."""
        ...


def stacked(
    values: FloatImage,
    mask: Mask,
    planes: Mapping[ChannelKind, FloatImage],
    *,
    ranks: bool = False,
) -> FloatArray:
    """A network's input: the radiograph, its ranks, then its other channels in the planes' order.

    Parameters
    ----------
    values
        The standardised view, float32 (size, size).
    mask
        Its pixels that come from the image.
    planes
        What the sources made, on the view's grid: float32 (size, size), 0 to 1.
    ranks
        Whether the ranks of the view's own values follow it.

    Returns
    -------
    ndarray
        Float32 (size, size, 1 + ranks + planes).
    """
    layers = [values]
    if ranks:
        layers.append(standardize(ranked(values, mask), mask))
    for kind, plane in planes.items():
        if kind is ChannelKind.LUNGS:
            layers.append(values * plane)
        else:
            layers.append(standardize(plane, mask))
    return np.stack(layers, axis=-1).astype(np.float32)


def described(source: ChannelSource) -> InputChannel:
    """A source as the card of a model holds it that was trained with it."""
    card = source.card
    return InputChannel(
        kind=source.kind,
        model=card.name,
        version=card.version,
        weights_digest=card.weights_digest,
    )


def channel_remarks(sources: Sequence[ChannelSource], uid: str) -> tuple[Remark, ...]:
    """What a reader must know of an image whose verdict rests on other models' answers, too."""
    if not sources:
        return ()
    made = " and ".join(f"the {one.kind} by {one.card.identity.key}" for one in sources)
    detail = f"The model was given {made} beside the image."
    return (Remark(kind=RemarkKind.CHANNELS_GIVEN, sop_instance_uid=uid, detail=detail),)


def require_sources(card: ModelCard, sources: Sequence[ChannelSource]) -> None:
    """Raise ModelFolderError unless the sources are those that the card's model was trained with.

    Another lung model outlines otherwise, and nobody has measured what follows from that.
    """
    given = tuple(described(source) for source in sources)
    if given != card.channels:
        wanted = ", ".join(f"{one.kind} of {one.model}/{one.version}" for one in card.channels)
        made = ", ".join(f"{one.kind} of {one.model}/{one.version}" for one in given)
        raise ModelFolderError(
            f"{card.folder}: the model was trained with the channels [{wanted}] beside the "
            f"radiograph, not with [{made}]; load it from its card, with the models it names"
        )
