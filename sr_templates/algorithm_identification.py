"""TID 4019 Algorithm Identification, and the algorithm as contributing and observing equipment."""

from collections.abc import Sequence

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
    """TID 4019: name, version, and as parameters what decides a verdict."""
    return identified(prediction.model, parameters_of(prediction))


def identified(model: ModelIdentity, parameters: Sequence[str]) -> AlgorithmIdentification:
    """TID 4019 of a model with its parameters."""
    return AlgorithmIdentification(
        name=model.name, version=model.version, parameters=list(parameters)
    )


def as_statements(algorithm: AlgorithmIdentification) -> AlgorithmIdentification:
    """The same content for a container that has no row for TID 4019, as contained TEXT items.

    A report without measurement groups has no other place that says which algorithm it is from.
    """
    for item in algorithm:
        item.RelationshipType = Relationship.CONTAINS.value
    return algorithm


def segment_algorithm(model: ModelIdentity, parameters: Sequence[str]) -> Dataset:
    """Item of Segmentation Algorithm Identification Sequence (PS3.3 10.16)."""
    item = Dataset()
    item.AlgorithmFamilyCodeSequence = [codes.code_item(codes.ARTIFICIAL_INTELLIGENCE)]
    item.AlgorithmName = long_string(model.name)
    item.AlgorithmVersion = long_string(model.version)
    item.AlgorithmSource = long_string(model.manufacturer)
    item.AlgorithmParameters = "; ".join(parameters)
    return item


def parameters_of(prediction: Prediction) -> list[str]:
    """The weights' digest, what else made it, the calibration's name, each label's threshold."""
    digest = prediction.model.weights_digest
    return [
        *([weights_parameter(prediction.model)] if digest else []),
        *prediction.parameters,
        f"calibration {prediction.calibration}",
        *thresholds(prediction),
    ]


def weights_parameter(model: ModelIdentity) -> str:
    """Which weights, exactly."""
    return f"weights sha256 {model.weights_digest}"


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
