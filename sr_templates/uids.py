"""Deterministic UIDs (PS3.5 B.2): the same inputs always name the same objects.

A repeated run, or a study that is sent twice, makes the objects that already exist, which a PACS
takes without a duplicate. A late image, another threshold or other weights make other objects.
"""

import json
import uuid

from ai_engine.prediction import Finding, ImagePrediction, ModelIdentity, Prediction

_NAMESPACE = uuid.UUID("6f1f5a0e-3b0e-5d0c-9b52-8d4c2a6a7e11")


def derived_uid(*parts: str) -> str:
    """Give the UID "2.25." plus the decimal of a name-based UUID over ``parts``, in order."""
    name = json.dumps(parts, ensure_ascii=True, separators=(",", ":"))
    return f"2.25.{uuid.uuid5(_NAMESPACE, name).int}"


def device_uid(model: ModelIdentity) -> str:
    """Device UID (0018,1002) of one model: changes with every version and every retraining."""
    return derived_uid("device", *model_parts(model))


def series_uid(study_instance_uid: str, model: ModelIdentity, kind: str) -> str:
    """Series of one kind of evidence: successors stay in it, another model's are elsewhere."""
    return derived_uid("series", study_instance_uid, *model_parts(model), kind)


def document_uid(
    study_instance_uid: str,
    prediction: Prediction,
    inputs: tuple[str, ...],
    kind: str,
    predecessors: tuple[str, ...] = (),
) -> str:
    """Instance that reports on the whole study, from its inputs in any order."""
    return derived_uid(
        "instance",
        study_instance_uid,
        *model_parts(prediction.model),
        kind,
        *_operating_point(prediction),
        *sorted(inputs),
        "predecessors",
        *sorted(predecessors),
    )


def image_uid(
    study_instance_uid: str,
    prediction: Prediction,
    image: ImagePrediction,
    finding: Finding | None,
    kind: str,
) -> str:
    """Instance that shows one finding on one image, or that the image has none."""
    return derived_uid(
        "instance",
        study_instance_uid,
        *model_parts(prediction.model),
        kind,
        prediction.calibration,
        *_thresholds(image),
        image.sop_instance_uid,
        str(image.frame_number),
        "" if finding is None else finding.label,
    )


def tracking_uid(
    study_instance_uid: str,
    model: ModelIdentity,
    image: ImagePrediction,
    finding: Finding,
    number: int,
) -> str:
    """Tracking Unique Identifier of a finding's ``number``-th region, stable over successors."""
    return derived_uid(
        "tracking",
        study_instance_uid,
        *model_parts(model),
        image.sop_instance_uid,
        str(image.frame_number),
        finding.label,
        str(number),
    )


def anatomy_tracking_uid(
    study_instance_uid: str, model: ModelIdentity, image: ImagePrediction, structure: str
) -> str:
    """Tracking Unique Identifier of an anatomical structure on one image."""
    return derived_uid(
        "tracking",
        study_instance_uid,
        *model_parts(model),
        image.sop_instance_uid,
        str(image.frame_number),
        f"anatomy {structure}",
    )


def model_parts(model: ModelIdentity) -> tuple[str, str, str]:
    """What tells one model from another: name, version and weights."""
    return model.name, model.version, model.weights_digest


def _operating_point(prediction: Prediction) -> tuple[str, ...]:
    """What changes the verdicts without changing model or inputs: calibration and thresholds."""
    thresholds = {text for image in prediction.images for text in _thresholds(image)}
    return prediction.calibration, *sorted(thresholds)


def _thresholds(image: ImagePrediction) -> tuple[str, ...]:
    return tuple(f"{finding.label}={finding.threshold:.6f}" for finding in image.findings)
