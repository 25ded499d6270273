"""Which models there are, and which version of each is active; loads no weights."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from ai_engine.errors import AiEngineError, ModelNotFoundError
from ai_engine.kinds.registry import Part, has_part
from ai_engine.kinds.serving import require_reportable
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import (
    ModelRegistry,
    read_active_versions,
    shipped_weights,
    verify_weights,
)
from ai_engine.prediction import ModelIdentity
from dicom_node.errors import NodeError
from dicom_node.models.promotions import (
    JOURNAL_NAME,
    Change,
    Promotion,
    PromotionError,
    PromotionJournal,
    active_versions,
    version_before,
)


class ModelUnavailableError(NodeError):
    """A model that a route names cannot be used."""


class ModelCards:
    """What config/models.toml, the promotions since and the model cards say; loads no weights.

    A promotion by another process is seen at the next question.
    """

    def __init__(self, config_dir: Path, models_dir: Path) -> None:
        """Read the cards of the shipped models and of those in ``models_dir``, which win.

        Raises
        ------
        ModelUnavailableError
            When config/models.toml cannot be used.
        PromotionError
            When the journal of promotions is damaged.
        """
        try:
            self.registry = ModelRegistry(shipped_weights(), models_dir)
            self._base = read_active_versions(config_dir / "models.toml")
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        self.journal = PromotionJournal(models_dir / JOURNAL_NAME)
        self._lock = threading.Lock()
        self._seen = self.journal.fingerprint()
        self._versions = active_versions(self._base, self.journal.entries())

    @property
    def versions(self) -> Mapping[str, str]:
        """The active version of each model, now."""
        with self._lock:
            found = self.journal.fingerprint()
            if found != self._seen:
                self._versions = active_versions(self._base, self.journal.entries())
                self._seen = found
            return self._versions

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

    def all_active(self) -> tuple[ModelCard, ...]:
        """Return the card of every active model that is installed, by name.

        Raises
        ------
        ModelUnavailableError
            When the folder of one is damaged.
        """
        return tuple(card for name in sorted(self.versions) for card in self._installed(name))

    def installed(self) -> tuple[ModelCard, ...]:
        """Return the card of every version that is installed, by name and version.

        Raises
        ------
        ModelUnavailableError
            When the folder of one is damaged.
        """
        try:
            return tuple(self.registry.cards())
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error

    def promotions(self) -> tuple[Promotion, ...]:
        """Return all changes of active versions, oldest first."""
        return self.journal.entries()

    def active_with(self, part: Part) -> ModelCard | None:
        """Return the active model whose kind has a part, the first by name, or None."""
        return next((card for card in self.all_active() if has_part(card, part)), None)

    def identity(self, model: str) -> ModelIdentity:
        """Return which version of ``model`` is active."""
        return self.active(model).identity

    def card(self, identity: ModelIdentity) -> ModelCard:
        """Return the card of one version, the active one or another.

        Raises
        ------
        ModelUnavailableError
            When that version is not installed.
        """
        try:
            return self.registry.card(identity.name, identity.version)
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error

    def version(self, model: str, version: str) -> ModelCard:
        """Return the card of a version by its number.

        Raises
        ------
        ModelUnavailableError
            When that version is not installed.
        """
        try:
            return self.registry.card(model, version)
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error

    def verified_version(self, model: str, version: str) -> ModelCard:
        """Return the card of a version after checking its weights' digest.

        Raises
        ------
        ModelUnavailableError
            When it is not installed, or its weights are not those that its card describes.
        """
        return self._verified(self.version(model, version))

    def verified(self, model: str) -> ModelIdentity:
        """Return the active version of ``model`` after checking its weights' digest."""
        return self._verified(self.active(model)).identity

    def promote(self, model: str, version: str, *, by: str, at: datetime) -> Promotion:
        """Make a version active, for this and every running process.

        Raises
        ------
        ModelUnavailableError
            When there is no such version, or its weights are not those that its card describes.
        PromotionError
            When it is active already, or the journal cannot be written.
        """
        card = self.verified_version(model, version)
        with self.journal.changing():
            before = active_versions(self._base, self.journal.entries()).get(model, "")
            return self._record(
                Promotion(
                    at=at,
                    by=by,
                    change=Change.PROMOTE,
                    model=model,
                    before=before,
                    after=version,
                    weights_digest=card.weights_digest,
                )
            )

    def promoted(self) -> frozenset[str]:
        """Return the models of which a promotion can be taken back."""
        entries = self.journal.entries()
        found = set()
        for model in {each.model for each in entries}:
            with suppress(PromotionError):
                version_before(self._base, entries, model)
                found.add(model)
        return frozenset(found)

    def rollback(self, model: str, *, by: str, at: datetime) -> Promotion:
        """Take the newest promotion of a model back.

        Raises
        ------
        ModelUnavailableError
            When the version before is not installed any more, or damaged.
        PromotionError
            When there is none to take back, or the journal cannot be written.
        """
        with self.journal.changing():
            entries = self.journal.entries()
            before = active_versions(self._base, entries).get(model, "")
            version = version_before(self._base, entries, model)
            card = self.verified_version(model, version) if version else None
            return self._record(
                Promotion(
                    at=at,
                    by=by,
                    change=Change.ROLLBACK,
                    model=model,
                    before=before,
                    after=version,
                    weights_digest=card.weights_digest if card else "",
                )
            )

    def _installed(self, model: str) -> tuple[ModelCard, ...]:
        try:
            return (self.registry.active(self.versions, model),)
        except ModelNotFoundError:
            return ()
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error

    def _record(self, entry: Promotion) -> Promotion:
        if entry.before == entry.after:
            raise PromotionError(f"model {entry.model}/{entry.after} is active already.")
        self.journal.add(entry)
        return entry

    def _verified(self, card: ModelCard) -> ModelCard:
        try:
            verify_weights(card)
            require_reportable(card, self.registry)
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        return card
