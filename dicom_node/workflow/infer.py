"""Inference: a job becomes a prediction."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from ai_engine.result import Result
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, JobState
from dicom_node.errors import NodeError
from dicom_node.workflow.ports import Clock, Models, ResultStore, StudyStore
from dicom_node.workflow.watch import DeviceWatch, with_refusals

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A job with what its model said, and when."""

    job: Job
    prediction: Result
    made_at: datetime


class Inference:
    """Runs the model that a job names."""

    def __init__(
        self,
        *,
        index: StudyStore,
        results: ResultStore,
        models: Models,
        watch: DeviceWatch,
        clock: Clock,
    ) -> None:
        self._index = index
        self._results = results
        self._models = models
        self._watch = watch
        self._clock = clock

    def analyse(self, job: Job) -> Analysis | None:
        """Return the prediction of a job, kept in the Hotbase; None when the job failed.

        Images that the model refuses are part of the prediction; a job fails only when the model
        or the files cannot be used at all.
        """
        started = time.perf_counter()
        instances = job_instances(self._index, job)
        admitted, refused = self._watch.admitted(job.model, instances)
        try:
            prediction = with_refusals(self._models.predict(job.model, admitted), refused)
        except NodeError as error:
            _LOG.error(
                "job failed job=%s model=%s reason=%r", job.job_id, job.model.key, str(error)
            )
            self._results.finish_job(
                job.job_id, JobState.FAILED, at=self._clock(), reason=str(error)
            )
            return None
        self._results.keep_prediction(job.job_id, prediction)
        self._watch.observe(job.job_id, prediction, instances, at=self._clock())
        _LOG.info(
            "job inferred job=%s model=%s images=%d refused=%d seconds=%.3f",
            job.job_id,
            job.model.key,
            len(prediction.analysed),
            len(prediction.refused),
            time.perf_counter() - started,
        )
        return Analysis(job=job, prediction=prediction, made_at=self._clock())


def job_instances(index: StudyStore, job: Job) -> tuple[ReceivedInstance, ...]:
    """Return the instances that a job is about."""
    wanted = frozenset(job.sop_instance_uids)
    return tuple(
        each for each in index.instances(job.study_instance_uid) if each.sop_instance_uid in wanted
    )
