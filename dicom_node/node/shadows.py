"""Shadow runs over a node's stores and models."""

from collections.abc import Mapping
from datetime import datetime
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from ai_engine.kinds.registry import Part, has_part
from dicom_node.domain.observation import Observation
from dicom_node.domain.shadow import Shadow
from dicom_node.domain.warehouse import WarehouseFilter
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.models.cards import ModelCards
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.devices.shadow import ShadowRun
from dicom_node.workflow.devices.shadow_report import ShadowReport, shadow_report

if TYPE_CHECKING:
    from dicom_node.node.shadow_scorers import ShadowScorers


class Shadows:
    """Sets, runs and reports shadows; safe to use beside a running node."""

    def __init__(self, repositories: Repositories, cards: ModelCards) -> None:
        self._repositories = repositories
        self._cards = cards
        self._scorers: ShadowScorers | None = None
        self._run = ShadowRun(ledger=repositories.shadows, score=self._score, clock=utc_now)

    def run(self) -> int:
        """Let every shadow look at the oldest images that wait for it; return how many."""
        wanted = {each.weights_digest for each in self._repositories.shadows.all()}
        if self._scorers is not None:
            self._scorers.keep(wanted)
        return self._run.run()

    def start(self, name: str, version: str, *, by: str, at: datetime) -> Shadow:
        """Let a version run as shadow from now on.

        Raises
        ------
        ModelUnavailableError
            When there is no such version, or its weights are not those that its card describes.
        ConflictError
            When it is the active version, or no classifier.
        """
        card = self._cards.verified_version(name, version)
        if not has_part(card, Part.SCORER):
            raise ConflictError(
                f"{card.identity.key} is a {card.kind}: only classifiers run as shadow."
            )
        if self._cards.versions.get(name) == version:
            raise ConflictError(f"{card.identity.key} is active: it sees every study already.")
        shadow = Shadow(
            model_name=name,
            version=version,
            weights_digest=card.weights_digest,
            since=at,
            actor=by,
        )
        self._repositories.shadows.set(shadow)
        return shadow

    def report(self, name: str, version: str = "") -> tuple[Shadow | None, ShadowReport]:
        """Return what came of a shadow run, by default of the one that is on.

        Raises
        ------
        NotFoundError
            When no version is named and none runs.
        ModelUnavailableError
            When the version is not installed.
        """
        shadow = self._repositories.shadows.of(name)
        if not version and shadow is None:
            raise NotFoundError(
                f"no version of {name} runs as shadow: name the version whose report is wanted."
            )
        card = self._cards.version(name, version or (shadow.version if shadow else ""))
        return shadow, shadow_report(
            card,
            self._repositories.shadows.scores(name, card.weights_digest),
            self._repositories.warehouse.truths(WarehouseFilter(model_name=name)),
        )

    def _score(self, shadow: Shadow, observation: Observation) -> Mapping[str, float]:
        if self._scorers is None:
            # Most nodes have no shadow, and need no networks in this process.
            make: type[ShadowScorers] = resolve_name("dicom_node.node.shadow_scorers:ShadowScorers")
            self._scorers = make(self._repositories, self._cards)
        return self._scorers.score(shadow, observation)
