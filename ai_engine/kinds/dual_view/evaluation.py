"""Score the dual branch on the pairs of a data set, exactly as it is served."""

from collections.abc import Iterable, Sequence

import numpy as np

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.inference.network import Network
from ai_engine.kinds.classifier.scoring import ScoredSplit, as_radiograph
from ai_engine.kinds.dual_view.dataset import ViewPair
from ai_engine.kinds.dual_view.predictor import DualViewPredictor, branch_heads
from ai_engine.kinds.guard.guard import ChestGuard
from ai_engine.library.card import ModelCard


class _Unasked:
    """A guard's back end where no guard is asked: a data set's views are known."""

    def predict(self, batch: FloatArray) -> Activation:
        """Nobody may come here."""
        raise NotImplementedError("an evaluation asks no guard")


def evaluation_dual_view(
    card: ModelCard, network: Network, channels: Sequence[ChannelSource] = ()
) -> DualViewPredictor:
    """A predictor for measuring: its guard is never asked."""
    guard = ChestGuard(card, _Unasked())
    return DualViewPredictor(
        card, network, heads=branch_heads(card), guard=guard, channels=channels
    )


def score_pairs(
    predictor: DualViewPredictor, dataset: CxrDataset, pairs: Iterable[ViewPair]
) -> ScoredSplit:
    """The joined head's probabilities of every pair; the items are the frontal images."""
    scored, rows = [], []
    for pair in pairs:
        lateral = None if pair.lateral is None else as_radiograph(dataset, pair.lateral)
        scored.append(pair.frontal)
        rows.append(predictor.probabilities(as_radiograph(dataset, pair.frontal), lateral))
    return ScoredSplit(
        items=tuple(scored),
        labels=tuple(label.name for label in predictor.card.labels),
        probabilities=np.array(rows, dtype=np.float64),
    )
