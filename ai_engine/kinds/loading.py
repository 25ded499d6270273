"""Models loaded by their cards, whatever their kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ai_engine.inference.backend import Backend
from ai_engine.inference.choice import DEFAULT, BackendChoice, open_backend
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.inference.network import Network
from ai_engine.inference.openvino_backend import OpenVinoBackend, Precision
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.kinds.channels import channel_card
from ai_engine.kinds.guarding import Guard, Unguarded
from ai_engine.kinds.predictor import RadiographPredictor
from ai_engine.kinds.registry import Part, part
from ai_engine.library.card import UNGUARDED, ModelCard
from ai_engine.library.registry import ModelRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """A model to load, and what loading it may ask for.

    Attributes
    ----------
    card
        The model's card.
    registry, versions
        The installed models, and which version of each is active: a guard is the active one.
    cache
        Folder for the models' OpenVINO form; made on the first call, in about ten seconds.
    choice
        What runs a classifier; what isn't one always runs on OpenVINO.
    threads
        Threads of one inference; None uses all cores.
    authorization
        What services are told of who asks (RFC 9110, section 11.6.2), by their endpoint.
    """

    card: ModelCard
    cache: Path
    registry: ModelRegistry = field(default_factory=ModelRegistry)
    versions: Mapping[str, str] = field(default_factory=dict)
    choice: BackendChoice = DEFAULT
    threads: int | None = None
    authorization: Mapping[str, str] = field(default_factory=dict, repr=False)

    def of(self, card: ModelCard) -> "Loading":
        """Another model, loaded alike; helpers always run on OpenVINO, as `backend` says."""
        return replace(self, card=card, choice=BackendChoice(precision=self._precision))

    def chosen_backend(self) -> Backend:
        """The model on the back end that was chosen."""
        return open_backend(self.card, self.choice, cache=self.cache, threads=self.threads)

    def backend(self) -> Backend:
        """The model on OpenVINO: in float32, or where that wasn't asked for, as its card allows."""
        return OpenVinoBackend.load(
            self.card, cache=self.cache, threads=self.threads, precision=self._precision
        )

    @property
    def _precision(self) -> Precision:
        """That of a model whose precision nobody chose by itself."""
        return Precision.F32 if self.choice.precision is Precision.F32 else Precision.AUTO

    def network(self) -> Network:
        """The model as a network of several inputs or outputs, on OpenVINO."""
        return OpenVinoNetwork(converted_model(self.card, self.cache), threads=self.threads)

    def guard(self) -> Guard:
        """The guard that the card names; one that passes everything where it wants none."""
        if self.card.guard == UNGUARDED:
            return Unguarded()
        guard = self.registry.active(self.versions, self.card.guard)
        made: Guard = part(guard, Part.GUARD)(self.of(guard), self.card.sees)
        return made

    def channels(self) -> tuple[ChannelSource, ...]:
        """What makes the channels that the card names, in its order."""
        makers = [channel_card(self.card, each, self.registry) for each in self.card.channels]
        return tuple(load_channel(self.of(maker)) for maker in makers)


def load_channel(loading: Loading) -> ChannelSource:
    """Load a model that makes a channel for others.

    Raises
    ------
    ModelFolderError, BackendError
        If it is damaged, can't be converted, or is of a kind that makes none.
    """
    source: ChannelSource = part(loading.card, Part.CHANNEL_SOURCE)(loading)
    return source


def load_predictor(
    registry: ModelRegistry,
    versions: Mapping[str, str],
    name: str,
    *,
    cache: Path,
    choice: BackendChoice = DEFAULT,
    threads: int | None = None,
) -> RadiographPredictor[Any]:
    """Load the active version of a model that looks at radiographs, its guard and its channels.

    Parameters are those of `Loading`; ``name`` is the model's.

    Raises
    ------
    ModelNotFoundError
        If the model, its guard or what makes its channels isn't installed.
    ModelFolderError, BackendError
        If one of them is damaged or can't be converted, or the kind makes no results.
    """
    card = registry.active(versions, name)
    loading = Loading(
        card=card, registry=registry, versions=versions, cache=cache, choice=choice, threads=threads
    )
    predictor: RadiographPredictor[Any] = part(card, Part.PREDICTOR)(loading)
    return predictor
