"""Watching devices: whose images a model may see, and what it saw of each."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.series import LeftOut
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.prediction import ImagePrediction, ModelIdentity, Prediction, Refusal, RefusalReason
from ai_engine.result import Result
from dicom_node.domain.device import device_of
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.observation import Observation
from dicom_node.workflow.ports import DeviceLedger

_LOG = logging.getLogger(__name__)


class DeviceWatch:
    """Keeps suspended models from a device's images, and notes what a model said of the others."""

    def __init__(self, ledger: DeviceLedger) -> None:
        self._ledger = ledger

    def admitted(
        self, model: ModelIdentity, instances: Sequence[ReceivedInstance]
    ) -> tuple[tuple[ReceivedInstance, ...], tuple[Refusal, ...]]:
        """Return the instances that ``model`` may look at, and a refusal for each of the others.

        A refusal is part of the result, so the report in the PACS says that and why nothing was
        analysed.
        """
        admitted, refused = [], []
        for instance in instances:
            device = device_of(instance).device_id
            suspension = self._ledger.suspension(device, model.name)
            if suspension is None:
                admitted.append(instance)
                continue
            _LOG.warning("model suspended model=%s device=%s", model.name, device)
            refused.append(
                Refusal(
                    sop_instance_uid=instance.sop_instance_uid,
                    reason=RefusalReason.SUSPENDED,
                    detail=f"since {suspension.at.date().isoformat()}: {suspension.reason}",
                )
            )
        return tuple(admitted), tuple(refused)

    def observe(
        self,
        job_id: str,
        prediction: Result,
        instances: Sequence[ReceivedInstance],
        *,
        at: datetime,
    ) -> None:
        """Keep the quality and the scores of every image that was analysed.

        Calibration and drift are about probabilities of single images: a CT's measurements are not.
        """
        if not isinstance(prediction, Prediction):
            return
        devices = {each.sop_instance_uid: device_of(each).device_id for each in instances}
        self._ledger.observe(
            tuple(
                _observation(job_id, prediction.model, image, devices[image.sop_instance_uid], at)
                for image in prediction.images
            )
        )


def with_refusals(prediction: Result, refusals: Sequence[Refusal]) -> Result:
    """Return a prediction with further images that were not analysed."""
    match prediction:
        case Prediction() | BonePrediction():
            return replace(prediction, refusals=(*prediction.refusals, *refusals))
        case CtPrediction():
            return replace(prediction, left_out=(*prediction.left_out, *_left_out(refusals)))


def _left_out(refusals: Sequence[Refusal]) -> Iterator[LeftOut]:
    """Say the same of a CT's slices: once for all that have the same reason."""
    for (reason, detail), alike in groupby(refusals, lambda each: (each.reason, each.detail)):
        uids = tuple(each.sop_instance_uid for each in alike)
        yield LeftOut(series_instance_uid="", sop_instance_uids=uids, reason=f"{reason}, {detail}")


def _observation(
    job_id: str, model: ModelIdentity, image: ImagePrediction, device_id: str, at: datetime
) -> Observation:
    return Observation(
        job_id=job_id,
        sop_instance_uid=image.sop_instance_uid,
        frame_number=image.frame_number,
        device_id=device_id,
        model_name=model.name,
        weights_digest=model.weights_digest,
        observed_at=at,
        quality=image.quality,
        scores={finding.label: finding.own_probability for finding in image.findings},
    )
