"""TID 4019 Algorithm Identification, and the algorithm as contributing and observing equipment."""

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    DeviceObserverIdentifyingAttributes,
    ObservationContext,
    ObserverContext,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.valuerep import DT

from ai_engine.prediction import ModelIdentity, Prediction
from sr_templates import codes
from sr_templates.context import EvidenceContext
from sr_templates.repair import long_string
from sr_templates.uids import device_uid


def algorithm_identification(prediction: Prediction) -> AlgorithmIdentification:
    """TID 4019: name, version, manufacturer, and as parameters what decides a verdict.

    The parameters are the weights' digest, the calibration's name and each label's threshold.
    """
    model = prediction.model
    return AlgorithmIdentification(
        name=model.name,
        version=model.version,
        parameters=[
            *([f"weights sha256 {model.weights_digest}"] if model.weights_digest else []),
            f"calibration {prediction.calibration}",
            *thresholds(prediction),
        ],
    )


def algorithm_statements(prediction: Prediction) -> AlgorithmIdentification:
    """The same content for a container that has no row for TID 4019, as contained TEXT items.

    A report without measurement groups has no other place that says which algorithm it is from.
    """
    items = algorithm_identification(prediction)
    for item in items:
        item.RelationshipType = Relationship.CONTAINS.value
    return items


def thresholds(prediction: Prediction) -> list[str]:
    """Say each label's threshold once, in the order in which the labels first appear."""
    said = dict.fromkeys(
        f"threshold {finding.label} {finding.threshold:.4f}"
        for image in prediction.images
        for finding in image.findings
    )
    return list(said)


def observation_context(model: ModelIdentity) -> ObservationContext:
    """TID 1001, 1002 and 1004: the observer is a device, namely this model with these weights."""
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=CodedConcept.from_code(codes.DEVICE),
            observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
                uid=device_uid(model),
                name=model.name,
                manufacturer_name=model.manufacturer,
                model_name=model.title,
                serial_number=model.weights_digest or None,
            ),
        )
    )


def contributing_equipment(model: ModelIdentity, context: EvidenceContext) -> Dataset:
    """Item of Contributing Equipment Sequence (PS3.3 C.12.1) for the algorithm, as IHE AIR asks.

    CID 7005 has no code for an algorithm, so the purpose is the node's own code with the nearest
    standard one as its equivalent. Software Versions holds the version and the weights' digest;
    Device UID changes with either.
    """
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [
        codes.code_item(codes.PROCESSING_ALGORITHM, codes.PROCESSING_EQUIPMENT)
    ]
    item.Manufacturer = long_string(model.manufacturer)
    item.ManufacturerModelName = long_string(model.name)
    stated = (model.version, model.weights_digest)
    item.SoftwareVersions = [long_string(each) for each in stated if each]
    item.DeviceUID = device_uid(model)
    item.ContributionDateTime = DT(context.content_datetime.strftime("%Y%m%d%H%M%S.%f%z"))
    item.ContributionDescription = f"Made the findings: {long_string(model.title)}"
    return item
