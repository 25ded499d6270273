"""Giving priors to models that want them: waited for a while, and no longer."""

from collections.abc import Callable, Sequence
from typing import Protocol

from ai_engine.prediction import ModelIdentity
from ai_engine.result import Result
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.domain.prior import Prior, PriorState, shows_images
from dicom_node.workflow.ports import StudyStore


class ModelsWithPriors(Protocol):
    """Models, some of which look at earlier studies too."""

    def wants_priors(self, model: ModelIdentity) -> bool:
        """Whether a model is given images of the patient's earlier studies."""

    def predict(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        priors: Sequence[ReceivedInstance] = (),
    ) -> Result:
        """Run a model on instances of the archive."""


class Giving:
    """Asks models that want priors, with those that are here whole when the patience is over."""

    def __init__(
        self,
        *,
        models: ModelsWithPriors,
        index: StudyStore,
        priors: Callable[[str], Sequence[Prior]],
        wait_for: Callable[[str, float], bool],
        patience: float,
    ) -> None:
        """Keep the parts; ``wait_for`` waits for a study's search, so many seconds at most."""
        self._models = models
        self._index = index
        self._priors = priors
        self._wait_for = wait_for
        self._patience = patience

    def predict(self, job: Job, instances: Sequence[ReceivedInstance]) -> Result | None:
        """Run a job's model with priors; None where it wants none."""
        if not self._models.wants_priors(job.model):
            return None
        study = job.study_instance_uid
        self._wait_for(study, self._patience)
        images = [
            each
            for prior in self._priors(study)
            if prior.state is PriorState.HELD  # half a prior may lack what is compared
            for each in self._index.instances(prior.prior_study_uid)
            if each.header.has_pixels and shows_images(each.header.modality or "")
        ]
        return self._models.predict(job.model, instances, images)
