"""Programs by the folder contract: findings in ``result.json``, DICOM objects, or both."""

from ai_engine.kinds.kind import ModelKind, Reads

PROGRAM = ModelKind(
    name="program",
    reads=Reads.FOLDER,
    has_weights=False,
    has_findings=True,
    predictor="ai_engine.kinds.program.predictor:load",
    preparation="ai_engine.kinds.program.predictor:require_program",
    is_calibrated=True,
)
