"""The errors of the AI engine, in one tree.

    AiEngineError
    ├── ModelNotFoundError    no model of that name and version, or none is active
    ├── ModelFolderError      a card or weights file that cannot be used as it is
    ├── WeightImportError     a file of foreign weights that cannot be imported
    ├── BackendError          an inference back end cannot be started
    │   └── ServiceAwayError      what runs a model elsewhere is away, and comes back
    ├── DatasetError          a data set's folder or table is not what training needs
    ├── RecipeError           a training recipe cannot be used as written
    ├── InflatesTooFarError   a deflated file that would fill the memory
    ├── ImageRefusedError     one image that must not or cannot be analysed, with its reason
    └── CtRefusedError        one CT series that must not or cannot be measured (ai_engine.ct)

A message names what failed, on which file, and what to do next. It never holds header values.
"""

from ai_engine.prediction import Refusal, RefusalReason


class AiEngineError(Exception):
    """Base of every error that the AI engine raises on purpose."""


class ModelNotFoundError(AiEngineError):
    """No model of that name and version is in the registry, or none is active."""


class ModelFolderError(AiEngineError):
    """A model card or a weights file is missing, damaged or contradicts the other."""


class WeightImportError(AiEngineError):
    """A file of weights can't be imported; the message names file, layer, and what was expected."""


class BackendError(AiEngineError):
    """An inference back end cannot be started."""


class ServiceAwayError(BackendError):
    """What runs a model elsewhere can't be reached or used just now: no image's fault."""


class DatasetError(AiEngineError):
    """A data set's folder or table is not what training and evaluation need."""


class RecipeError(AiEngineError):
    """A training recipe cannot be used as written."""


class InflatesTooFarError(AiEngineError):
    """A deflated data set inflates beyond what any image does."""


class ImageRefusedError(AiEngineError):
    """One image that must not or cannot be analysed."""

    def __init__(self, reason: RefusalReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail

    def as_refusal(self, sop_instance_uid: str) -> Refusal:
        """The same as a value for a `Prediction`."""
        return Refusal(sop_instance_uid=sop_instance_uid, reason=self.reason, detail=self.detail)
