"""Models and what helps them, loaded with the node's settings."""

import logging
import os
from typing import Any

from ai_engine.errors import AiEngineError
from ai_engine.inference.choice import BackendChoice, BackendName
from ai_engine.inference.openvino_backend import Precision
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.shipped import guards_of
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity
from dicom_node.configuration.settings import NodeSettings
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.models.loaded import LoadedModels
from dicom_node.models.services import authorization_for

_LOG = logging.getLogger(__name__)

Versions = tuple[ModelIdentity, ...]


class ModelParts:
    """Parts of the active models; safe to call from several threads."""

    def __init__(self, settings: NodeSettings, cards: ModelCards) -> None:
        self._settings = settings
        self._cards = cards
        self._helpers: LoadedModels[tuple[Part, Versions], Any] = LoadedModels()

    def helper(self, wanted: Part, card: ModelCard) -> Any:
        """A part of a model that helps others, loaded once for as long as it and its guard stay."""

        def load() -> Any:
            try:
                made = part(card, wanted)(self.loading(card))
            except AiEngineError as error:
                raise ModelUnavailableError(str(error)) from error
            _LOG.info("%s loaded model=%s", wanted.value, card.identity.key)
            return made

        return self._helpers.get((wanted, self.key(card.identity, card)), load)

    def key(self, model: ModelIdentity, card: ModelCard) -> Versions:
        """A model and what decides which images it sees, each in its active version."""
        guards = guards_of(card, self._cards.versions)
        return (model, *(self._cards.identity(name) for name in guards))

    def loading(self, card: ModelCard) -> Loading:
        """Return all that loading a model takes."""
        inference = self._settings.inference
        return Loading(
            card=card,
            registry=self._cards.registry,
            versions=self._cards.versions,
            cache=self._settings.cache_dir,
            choice=BackendChoice(
                name=BackendName(inference.backend),
                precision=Precision(inference.precision),
                serving_url=inference.serving_url,
            ),
            threads=inference.threads or threads_of_worker(self._settings.workers.count),
            authorization=authorization_for(card, inference.credentials_file),
        )


def threads_of_worker(workers: int) -> int | None:
    """Return a worker's share of the processors, in threads; None for all, where there is no other.

    Workers that each took all of them would wait for one another: threads of one inference spin
    while they do, for 30 ms of processor a radiograph with two workers on two cores.
    """
    if workers < 1:
        return None
    processors = len(os.sched_getaffinity(0))
    return max(processors // workers, 1)
