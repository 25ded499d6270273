"""What any model of the engine says about a study: a union, taken apart by type.

A new kind of result is a frozen dataclass of its own, added here; mypy then shows each place that
must say what becomes of it. All kinds share ``model`` (who says it), ``is_positive`` (whether there
is something to look at), and ``analysed`` and ``refused`` (the SOP Instance UIDs that a verdict
was, or could not be, reached on).
"""

from typing import TypeAlias

from ai_engine.ct.prediction import CtPrediction
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.prediction import Prediction

Result: TypeAlias = Prediction | CtPrediction | BonePrediction
