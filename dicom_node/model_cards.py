"""Which models there are, and which version of each is active; loads no weights."""

from pathlib import Path

from ai_engine.cards import ModelCard
from ai_engine.errors import AiEngineError
from ai_engine.prediction import ModelIdentity
from ai_engine.registry import ModelRegistry, read_active_versions, shipped_weights, verify_weights
from dicom_node.errors import NodeError


class ModelUnavailableError(NodeError):
    """A model that a route names cannot be used."""


class ModelCards:
    """What config/models.toml and the model cards say; loads no weights."""

    def __init__(self, config_dir: Path, models_dir: Path) -> None:
        """Read the cards of the shipped models and of those in ``models_dir``, which win.

        Raises
        ------
        ModelUnavailableError
            When config/models.toml cannot be used.
        """
        try:
            self.registry = ModelRegistry(shipped_weights(), models_dir)
            self.versions = read_active_versions(config_dir / "models.toml")
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error

    def active(self, model: str) -> ModelCard:
        """Return the card of the active version of ``model``.

        Raises
        ------
        ModelUnavailableError
            When there is none.
        """
        try:
            return self.registry.active(self.versions, model)
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error

    def identity(self, model: str) -> ModelIdentity:
        """Return which version of ``model`` is active."""
        return self.active(model).identity

    def verified(self, model: str) -> ModelIdentity:
        """Return the active version of ``model`` after checking its weights' digest."""
        card = self.active(model)
        try:
            verify_weights(card)
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        return card.identity
