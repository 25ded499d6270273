"""TID 4019 Algorithm Identification of a CT method, trained or classical."""

from highdicom.sr import AlgorithmIdentification
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset

from ai_engine.ct.prediction import CtPrediction
from sr_templates import codes
from sr_templates.repair import long_string


def ct_algorithm(prediction: CtPrediction) -> AlgorithmIdentification:
    """Name, version, and as parameters the digest of weights or settings and the settings."""
    model = prediction.model
    return AlgorithmIdentification(
        name=model.name, version=model.version, parameters=list(_parameters(prediction))
    )


def ct_algorithm_statements(prediction: CtPrediction) -> AlgorithmIdentification:
    """The same as contained TEXT items, for a container without a row for TID 4019."""
    items = ct_algorithm(prediction)
    for item in items:
        item.RelationshipType = Relationship.CONTAINS.value
    return items


def segment_algorithm(prediction: CtPrediction) -> Dataset:
    """Item of Segmentation Algorithm Identification Sequence (PS3.3 10.16)."""
    model = prediction.model
    item = Dataset()
    item.AlgorithmFamilyCodeSequence = [codes.code_item(codes.ARTIFICIAL_INTELLIGENCE)]
    item.AlgorithmName = long_string(model.name)
    item.AlgorithmVersion = long_string(model.version)
    item.AlgorithmSource = long_string(model.manufacturer)
    item.AlgorithmParameters = "; ".join(_parameters(prediction))
    return item


def _parameters(prediction: CtPrediction) -> tuple[str, ...]:
    return (f"sha256 {prediction.model.weights_digest}", *prediction.parameters)
