"""Fine-tuning: a classifier's weights go on learning. Importing this module loads TensorFlow."""

from dataclasses import dataclass
from pathlib import Path

from ai_engine.kinds.classifier.findings_batches import TrainingSet
from ai_engine.kinds.classifier.findings_training import FindingsTrainer
from ai_engine.kinds.classifier.network import StartWeights
from ai_engine.library.weights_file import read_weights


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TuningData:
    """What is learned, what is validated on, and the weights file that training goes on from."""

    train: TrainingSet
    valid: TrainingSet | None
    start: Path


class TuningTrainer(FindingsTrainer):
    """Goes on from a model's weights; its data are in memory."""

    def sets(self, data: TuningData) -> tuple[TrainingSet, TrainingSet | None]:
        """What is learned, and what each epoch is validated on."""
        return data.train, data.valid

    def start(self, data: TuningData) -> StartWeights:
        """The model's weights."""
        return StartWeights(tensors=read_weights(data.start), source=data.start)
