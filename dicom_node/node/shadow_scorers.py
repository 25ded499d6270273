"""The networks of shadows, each loaded once, and images as they see them."""

import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from pydicom.errors import InvalidDicomError

from ai_engine.errors import InflatesTooFarError
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.telling import reported_scores
from ai_engine.preprocessing.radiograph import read_radiograph
from dicom_node.archive.object_file import read_object
from dicom_node.domain.observation import Observation
from dicom_node.domain.shadow import Shadow
from dicom_node.errors import NotFoundError
from dicom_node.models.cards import ModelCards
from dicom_node.node.repositories import Repositories

_LOG = logging.getLogger(__name__)
# A shadow must not take the machine from the champion.
_THREADS = 1


class ShadowScorers:
    """Lets shadows look at images."""

    def __init__(self, repositories: Repositories, cards: ModelCards) -> None:
        self._repositories = repositories
        self._cards = cards
        self._loaded: dict[str, Scorer] = {}

    def keep(self, digests: Collection[str]) -> None:
        """Forget the networks whose weights have none of these digests."""
        self._loaded = {key: kept for key, kept in self._loaded.items() if key in digests}

    def score(self, shadow: Shadow, observation: Observation) -> Mapping[str, float]:
        """Return a shadow's probabilities of the labels that results name.

        Raises
        ------
        NotFoundError
            When the image, or the shadow's weights, are gone.
        """
        scorer = self._scorer(shadow)
        path = self._path(observation)
        try:
            radiograph = read_radiograph(read_object(path))
        except (InvalidDicomError, InflatesTooFarError, EOFError, OSError) as error:
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
