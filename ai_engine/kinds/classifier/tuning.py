"""Fine-tuning: a classifier's weights go on learning. Importing this module loads TensorFlow."""

from dataclasses import dataclass

from ai_engine.kinds.classifier.findings_batches import TrainingSet
from ai_engine.kinds.classifier.findings_training import FindingsTrainer
from ai_engine.kinds.classifier.lungs_taught import LUNGS
from ai_engine.kinds.classifier.network import StartWeights
from ai_engine.library.card import ModelCard
from ai_engine.library.trunks import model_weights
from ai_engine.models.efficientnet_lungs import RANKS

HEAD = "head"
"""The layer that makes logits of what a network saw, in every architecture that is tuned."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TuningData:
    """What is learned, what is validated on, and the model that training goes on from.

    With ``head_only`` every layer but the head stays as it is in there.
    """

    train: TrainingSet
    valid: TrainingSet | None
    start: ModelCard
    head_only: bool = False


class TuningTrainer(FindingsTrainer):
    """Goes on from a model's weights; its data are in memory."""

    def sets(self, data: TuningData) -> tuple[TrainingSet, TrainingSet | None]:
        """What is learned, and what each epoch is validated on."""
        return data.train, data.valid

    def start(self, data: TuningData) -> StartWeights:
        """The model's weights."""
        return StartWeights(tensors=model_weights(data.start), source=data.start.weights_path)

    def hold_still(self, data: TuningData) -> None:
        """All layers but the head, where only that is learned; always where lungs are, and ranks.

        Labels don't say where lungs are: taught by them, a network would look elsewhere again. And
        a look that sees ranks is there for what holds on every device.
        """
        for layer in self.network.layers:
            if data.head_only:
                layer.trainable = layer.name == HEAD
            elif layer.name == LUNGS or layer.name.startswith(RANKS):
                layer.trainable = False
