"""What the node says of a study that no route wants: in the PACS, and under its own name.

Routing is no model and sees no findings, but what it decided is a result like another one: a job of
its own, whose report lists one image of each series as not analysed, with the reason in words.
"""

from collections.abc import Iterable
from dataclasses import replace

from pydicom.uid import UID

from ai_engine.prediction import ModelIdentity, Prediction, Refusal, RefusalReason
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, job_identifier
from dicom_node.domain.study import StoredStudy

ROUTING = "dicom-node-routing"
NO_ROUTE = "no route"
BROKE_OFF = "analysis broke off"
KEPT_OUT = "kept out by pixels"
COME_TWICE = "came twice"
_NOT_LOOKED_AT = (
    "After the result was made, an object with other content came under the SOP Instance UID of "
    "this image, or of others of its series. It is kept and was not looked at: the result is of "
    "what came first."
)


def routing_identity(*, version: str, manufacturer: str) -> ModelIdentity:
    """Return what the reports name as their maker: this node's routing, which has no weights."""
    return ModelIdentity(
        name=ROUTING,
        version=version,
        weights_digest="",
        title="Routing of the AI node",
        manufacturer=manufacturer,
        research_only=False,
    )


def unrouted_job(
    study: StoredStudy,
    instances: Iterable[ReceivedInstance],
    identity: ModelIdentity,
    destinations: tuple[str, ...],
) -> Job | None:
    """Return the job of saying that no route wants a study; None where it holds no image.

    What is no image (reports, presentation states, key objects, documents, segmentations) is
    mostly what others made of images, and often sent on by a PACS: nobody waits for an analysis.
    """
    shown = shown_of(instances)
    if not shown:
        return None
    return Job(
        job_id=job_identifier(study.study_instance_uid, identity, shown),
        study_instance_uid=study.study_instance_uid,
        revision=study.revision,
        route=NO_ROUTE,
        model=identity,
        sop_instance_uids=shown,
        destinations=destinations,
    )


def broken_off_job(
    study: StoredStudy,
    instances: Iterable[ReceivedInstance],
    identity: ModelIdentity,
    destinations: tuple[str, ...],
) -> Job | None:
    """Return the job of saying that a study's analysis broke off; None where it holds no image.

    It is another one than that of saying that no route wants the study: both may be said of it.
    """
    job = unrouted_job(study, instances, identity, destinations)
    if job is None:
        return None
    return _apart(job, BROKE_OFF)


def kept_out_job(job: Job) -> Job:
    """Return the job of saying that no model is for these images of a study; others are analysed.

    ``job`` would say that no route wants the study.
    """
    return _apart(job, KEPT_OUT)


def come_twice_job(job: Job) -> Job:
    """Return the job of saying that other content came under the UIDs of analysed images.

    ``job`` would say that no route wants the study.
    """
    return _apart(job, COME_TWICE)


def _apart(job: Job, route: str) -> Job:
    distinct = (route, *job.sop_instance_uids)
    job_id = job_identifier(job.study_instance_uid, job.model, distinct)
    return replace(job, job_id=job_id, route=route)


def broken_off(job: Job, words: str) -> Prediction:
    """Return what is said of the images of a study whose analysis broke off."""
    detail = (
        f"The analysis of this study was given up: {words}. Models whose results are not in the "
        "study have not looked at it."
    )
    refusals = tuple(
        Refusal(sop_instance_uid=uid, reason=RefusalReason.ANALYSIS_FAILED, detail=detail)
        for uid in job.sop_instance_uids
    )
    return Prediction(model=job.model, images=(), refusals=refusals)


def no_model(job: Job, words: str) -> Prediction:
    """Return what routing says of a study: each image not analysed, because no route wants it."""
    of_images = job.route == KEPT_OUT
    reason = RefusalReason.NO_IMAGE_MODEL if of_images else RefusalReason.NO_MODEL
    refusals = tuple(
        Refusal(sop_instance_uid=uid, reason=reason, detail=words) for uid in job.sop_instance_uids
    )
    return Prediction(model=job.model, images=(), refusals=refusals)


def came_twice(job: Job, _words: str) -> Prediction:
    """Return what is said of images under whose UIDs other content came after their result."""
    refusals = tuple(
        Refusal(sop_instance_uid=uid, reason=RefusalReason.CAME_TWICE, detail=_NOT_LOOKED_AT)
        for uid in job.sop_instance_uids
    )
    return Prediction(model=job.model, images=(), refusals=refusals)


def shown_of(instances: Iterable[ReceivedInstance]) -> tuple[str, ...]:
    """Return one image of each series, by which a report speaks of all; empty without images."""
    return _one_of_each_series(each for each in instances if _is_image(each))


def _is_image(instance: ReceivedInstance) -> bool:
    """Whether an object is of an image class (PS3.4 B.5), or of an unknown one and has pixels."""
    uid = UID(instance.sop_class_uid)
    if uid.name == instance.sop_class_uid:
        return instance.header.has_pixels
    return "Image Storage" in uid.name


def _one_of_each_series(instances: Iterable[ReceivedInstance]) -> tuple[str, ...]:
    """Return the first image of each series to arrive: more images of it change nothing."""
    first: dict[str, ReceivedInstance] = {}
    for each in sorted(instances, key=lambda one: (one.received_at, one.sop_instance_uid)):
        first.setdefault(each.series_instance_uid, each)
    return tuple(sorted(each.sop_instance_uid for each in first.values()))
