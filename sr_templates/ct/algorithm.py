"""What decides the figures of a CT method, trained or classical: for TID 4019 and segments."""

from ai_engine.ct.prediction import CtPrediction


def ct_parameters(prediction: CtPrediction) -> tuple[str, ...]:
    """The digest of weights or settings, and the settings."""
    return (f"sha256 {prediction.model.weights_digest}", *prediction.parameters)
