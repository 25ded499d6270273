"""Models that a service runs: whether each would answer, asked without an image."""

import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from ai_engine.errors import AiEngineError, ServiceAwayError
from ai_engine.kinds.registry import Part, has_part, part
from ai_engine.library.card import ModelCard
from dicom_node.configuration.credentials import read_credentials
from dicom_node.configuration.settings import NodeSettings
from dicom_node.errors import AwayError, NodeError
from dicom_node.models.cards import ModelCards, ModelUnavailableError


def require_answering(card: ModelCard, settings: NodeSettings) -> bool:
    """Ask the service of a model whether it would answer; False where the node runs it itself.

    Raises
    ------
    AwayError
        When it can't be reached, or hasn't the model ready.
    ModelUnavailableError
        When it is there, and has another model than the card says.
    ConfigurationError
        When the credentials cannot be read.
    """
    try:
        if not has_part(card, Part.READINESS):
            return False
        # Loads what speaks to services, which a node without any starts without.
        from ai_engine.kinds.loading import Loading  # noqa: PLC0415

        part(card, Part.READINESS)(
            Loading(
                card=card,
                cache=settings.cache_dir,
                authorization=authorization_for(card, settings.inference.credentials_file),
            )
        )
    except ServiceAwayError as error:
        raise AwayError(str(error)) from error
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    return True


def authorization_for(card: ModelCard, path: str) -> dict[str, str]:
    """Read the credentials, where a model needs any.

    Raises
    ------
    ConfigurationError
        When they cannot be read.
    """
    return read_credentials(path) if card.service is not None else {}


class ServiceWatch:
    """Remembers which services did not answer when they were last asked."""

    def __init__(
        self, settings: NodeSettings, config_dir: Path, models: Callable[[], Iterable[str]]
    ) -> None:
        """Ask nothing yet; ``models`` are those that routes name."""
        self._settings = settings
        self._cards = ModelCards(config_dir, settings.models_dir)
        self._models = models
        self._lock = threading.Lock()
        self._away: dict[str, str] = {}

    def look(self) -> None:
        """Ask each service once."""
        found = {}
        for name in sorted(set(self._models())):
            try:
                require_answering(self._cards.active(name), self._settings)
            except NodeError as error:
                found[name] = str(error)
        with self._lock:
            self._away = found

    def away(self) -> dict[str, str]:
        """Return which models' services did not answer, and why."""
        with self._lock:
            return dict(self._away)
