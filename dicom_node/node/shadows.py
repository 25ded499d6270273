"""Shadow runs over a node's stores and models."""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydicom.errors import InvalidDicomError

from ai_engine.errors import InflatesTooFarError
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, has_part, part
from ai_engine.kinds.telling import reported_scores
from ai_engine.preprocessing.object_file import read_object
from ai_engine.preprocessing.radiograph import read_radiograph
from dicom_node.domain.observation import Observation
from dicom_node.domain.shadow import Shadow
from dicom_node.domain.warehouse import WarehouseFilter
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.models.cards import ModelCards
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.devices.shadow import ShadowRun
from dicom_node.workflow.devices.shadow_report import ShadowReport, shadow_report

_LOG = logging.getLogger(__name__)
# A shadow must not take the machine from the champion.
_THREADS = 1


class Shadows:
    """Sets, runs and reports shadows; safe to use beside a running node."""

    def __init__(self, repositories: Repositories, cards: ModelCards) -> None:
        self._repositories = repositories
        self._cards = cards
        self._loaded: dict[str, Scorer] = {}
        self._run = ShadowRun(ledger=repositories.shadows, score=self._score, clock=utc_now)

    def run(self) -> int:
        """Let every shadow look at the oldest images that wait for it; return how many."""
        wanted = {each.weights_digest for each in self._repositories.shadows.all()}
        self._loaded = {key: kept for key, kept in self._loaded.items() if key in wanted}
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
        scorer = self._scorer(shadow)
        path = self._path(observation)
        try:
            radiograph = read_radiograph(read_object(path))
        except (InvalidDicomError, InflatesTooFarError, OSError) as error:
            raise NotFoundError(f"the image's file is gone ({type(error).__name__})") from error
        scores = scorer.probabilities(radiograph)
        labels = (label.name for label in scorer.card.labels)
        said = {label: float(score) for label, score in zip(labels, scores, strict=True)}
        return reported_scores(scorer.card, said)

    def _path(self, observation: Observation) -> Path:
        for instance in self._repositories.item_instances(observation.job_id):
            if instance.sop_instance_uid == observation.sop_instance_uid:
                return self._repositories.objects.source_path(instance.path)
        raise NotFoundError("the image is no longer in the index")

    def _scorer(self, shadow: Shadow) -> Scorer:
        if shadow.weights_digest not in self._loaded:
            card = self._cards.verified_version(shadow.model_name, shadow.version)
            if card.weights_digest != shadow.weights_digest:
                raise NotFoundError(f"{card.identity.key} has other weights than the shadow had")
            cache = self._repositories.settings.cache_dir
            self._loaded[shadow.weights_digest] = part(card, Part.SCORER)(
                Loading(card=card, registry=self._cards.registry, cache=cache, threads=_THREADS)
            )
            _LOG.info("shadow loaded model=%s", card.identity.key)
        return self._loaded[shadow.weights_digest]
