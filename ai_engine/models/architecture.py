"""What is known of a network's architecture before Keras is loaded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Where an architecture's builder is, and what the builder takes.

    Attributes
    ----------
    builder
        ``module:function``, called with ``labels`` and ``size``; imported when a network is built,
        for it loads Keras.
    channels_last
        Whether it is built with channels last only (`ai_engine.models.layout`).
    channels
        The builder's word for the number of input channels; empty where it takes the radiograph
        alone.
    exclusive
        Whether its outputs are classes of which exactly one holds.
    """

    builder: str
    channels_last: bool = False
    channels: str = ""
    exclusive: bool = False
