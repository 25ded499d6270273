"""What goes wrong when weights are imported."""

from ai_engine.errors import AiEngineError


class WeightImportError(AiEngineError):
    """A file of weights can't be imported; the message names file, layer, and what was expected."""
