"""Watching devices: whose images a model may see, and what it saw of each."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ai_engine.prediction import ImagePrediction, ModelIdentity, Prediction, Refusal, RefusalReason
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
        prediction: Prediction,
        instances: Sequence[ReceivedInstance],
        *,
        at: datetime,
    ) -> None:
        """Keep the quality and the scores of every image that was analysed."""
        devices = {each.sop_instance_uid: device_of(each).device_id for each in instances}
        self._ledger.observe(
            tuple(
                _observation(job_id, prediction.model, image, devices[image.sop_instance_uid], at)
                for image in prediction.images
            )
        )


def with_refusals(prediction: Prediction, refusals: Sequence[Refusal]) -> Prediction:
    """Return a prediction with further images that were not analysed."""
    return replace(prediction, refusals=(*prediction.refusals, *refusals))


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
