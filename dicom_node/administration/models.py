"""Models: which there are, which version of each is active, and for which devices not."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from ai_engine.library.card import ModelCard
from dicom_node.administration.entries import UNSEEN, has_unseen
from dicom_node.administration.studies import Trail
from dicom_node.domain.observation import Suspension
from dicom_node.errors import ConflictError, InvalidFieldsError

_LONGEST_REASON = 500


class Promotion(Protocol):
    """One change of a model's active version."""

    @property
    def at(self) -> datetime:
        """When."""

    @property
    def by(self) -> str:
        """By whom."""

    @property
    def change(self) -> str:
        """What was done."""

    @property
    def model(self) -> str:
        """Of which model."""

    @property
    def before(self) -> str:
        """The version that was active; empty for none."""

    @property
    def after(self) -> str:
        """The version that is active since; empty for none."""


class Library(Protocol):
    """The models that are installed, and which version of each is active."""

    @property
    def versions(self) -> Mapping[str, str]:
        """The active version of each model."""

    def installed(self) -> tuple[ModelCard, ...]:
        """Return the card of every version that is installed."""

    def version(self, model: str, version: str) -> ModelCard:
        """Return the card of one version."""

    def verified_version(self, model: str, version: str) -> ModelCard:
        """Return the card of a version after checking its weights."""

    def promote(self, model: str, version: str, *, by: str, at: datetime) -> Promotion:
        """Make a version active."""

    def promoted(self) -> frozenset[str]:
        """Return the models of which a promotion can be taken back."""

    def rollback(self, model: str, *, by: str, at: datetime) -> Promotion:
        """Take the newest promotion of a model back."""

    def promotions(self) -> tuple[Promotion, ...]:
        """Return all changes, oldest first."""


class SuspensionBook(Protocol):
    """Which models look at no images of which devices."""

    def suspensions(self) -> tuple[Suspension, ...]:
        """Return every suspension in force."""

    def suspend(self, suspension: Suspension) -> None:
        """Let a model look at no more images of a device."""

    def resume(self, device_id: str, model_name: str, *, actor: str, at: datetime) -> Suspension:
        """Let a suspended model look at a device's images again."""

    def devices(self, model_name: str) -> tuple[str, ...]:
        """Return the devices whose images a model has seen."""


class ModelVersions:
    """Promotes versions and takes promotions back; a running node follows with its next study."""

    def __init__(
        self,
        library: Library,
        *,
        prepare: Callable[[ModelCard], None],
        trail: Trail,
        clock: Callable[[], datetime],
        why_not: Callable[[ModelCard], str] = lambda _card: "",
    ) -> None:
        """Keep the parts.

        ``prepare`` makes ready to run what a card says, or raises; ``why_not`` says what a
        version's own report has against its promotion, "" for nothing.
        """
        self._why_not = why_not
        self._trail = trail
        self._library = library
        self._prepare = prepare
        self._clock = clock

    def cards(self) -> tuple[ModelCard, ...]:
        """Return the card of every version that is installed, by name and version."""
        return self._library.installed()

    def active(self) -> Mapping[str, str]:
        """Return the active version of each model."""
        return self._library.versions

    def card(self, model: str, version: str) -> ModelCard:
        """Return the card of one version.

        Raises
        ------
        NodeError
            When it is not installed, or damaged.
        """
        return self._library.version(model, version)

    def history(self, model: str) -> tuple[Promotion, ...]:
        """Return the changes of a model's active version, newest first."""
        return tuple(each for each in reversed(self._library.promotions()) if each.model == model)

    def promote(self, model: str, version: str, *, actor: str, anyway: str = "") -> Promotion:
        """Make a version active, after making sure that it can be run.

        A version whose own report shows it to be worse somewhere needs a reason (``anyway``), which
        the audit trail keeps.

        Raises
        ------
        NodeError
            When there is no such version, it cannot be run, is active already, or is shown to be
            worse and nobody says why it is promoted all the same.
        """
        card = self._library.verified_version(model, version)
        why_not = self._why_not(card)
        if why_not and not anyway.strip():
            raise ConflictError(
                f"{why_not} To promote it all the same: dicom-node models promote {model} "
                f"{version} --anyway REASON"
            )
        self._prepare(card)
        done = self._library.promote(model, version, by=actor, at=self._clock())
        return self._noted(done, {"anyway": anyway.strip()} if why_not else {})

    def promoted(self) -> frozenset[str]:
        """Return the models of which a promotion can be taken back."""
        return self._library.promoted()

    def rollback(self, model: str, *, actor: str) -> Promotion:
        """Take the newest promotion of a model back.

        Raises
        ------
        NodeError
            When there is none, or the version before is gone.
        """
        return self._noted(self._library.rollback(model, by=actor, at=self._clock()))

    def _noted(self, done: Promotion, more: Mapping[str, str] | None = None) -> Promotion:
        self._trail.note(
            f"model {done.change}",
            done.model,
            {"version": done.after, **(more or {})},
            actor=done.by,
            at=done.at,
            before={"version": done.before},
        )
        return done


class Suspensions:
    """Keeps models from devices for which they are not good enough."""

    def __init__(self, book: SuspensionBook, *, clock: Callable[[], datetime]) -> None:
        self._book = book
        self._clock = clock

    def all(self) -> tuple[Suspension, ...]:
        """Return every suspension in force."""
        return self._book.suspensions()

    def devices(self, model: str) -> tuple[str, ...]:
        """Return the devices whose images a model has seen."""
        return self._book.devices(model)

    def suspend(self, model: str, device_id: str, *, reason: str, actor: str) -> None:
        """Let a model look at no more images of a device; reports state the reason.

        Raises
        ------
        InvalidFieldsError
            When no device is named, or no reason given.
        """
        wrong = {}
        if not device_id.strip() or has_unseen(device_id, lines=False):
            wrong["device"] = "name a device."
        if not 1 <= len(reason.strip()) <= _LONGEST_REASON:
            wrong["reason"] = f"give a reason of at most {_LONGEST_REASON} characters."
        elif has_unseen(reason):
            wrong["reason"] = UNSEEN
        if wrong:
            raise InvalidFieldsError(f"the suspension of {model}", wrong)
        self._book.suspend(
            Suspension(
                device_id=device_id.strip(),
                model_name=model,
                at=self._clock(),
                actor=actor,
                reason=reason.strip(),
            )
        )

    def resume(self, model: str, device_id: str, *, actor: str) -> Suspension:
        """Let a suspended model look at a device's images again.

        Raises
        ------
        NotFoundError
            When it is not suspended for it.
        """
        return self._book.resume(device_id, model, actor=actor, at=self._clock())
