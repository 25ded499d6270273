"""What the papers print about their networks is what the code holds."""

from ai_engine.importing.profiles import NIH_LABELS, XRAYVISION_LABELS
from ai_engine.models.end_to_end import (
    CHEST_LABELS,
    CHEST_TRAINING,
    TABLE_I_TOTAL,
    TYPE_TRAINING,
    XRAY_TYPES,
)


def test_paper_2s_xray_types_sum_up_to_their_total() -> None:
    assert len(XRAY_TYPES) == 14
    assert sum(XRAY_TYPES.values()) == TABLE_I_TOTAL


def test_paper_2s_chest_labels_are_the_nihs_in_their_order() -> None:
    assert CHEST_LABELS == NIH_LABELS
    assert len(set(XRAYVISION_LABELS)) == 18
    assert set(NIH_LABELS) < set(XRAYVISION_LABELS)


def test_paper_2s_training_settings() -> None:
    assert (TYPE_TRAINING.optimizer, TYPE_TRAINING.learning_rate) == ("adam", 1e-3)
    assert (TYPE_TRAINING.weight_decay, TYPE_TRAINING.epochs) == (1e-5, 10)
    assert TYPE_TRAINING.shares == (0.7, 0.2, 0.1)
    assert (CHEST_TRAINING.optimizer, CHEST_TRAINING.learning_rate) == ("radam", 1e-4)
    assert (CHEST_TRAINING.weight_decay, CHEST_TRAINING.epochs) == (3e-4, 20)
    for settings in (TYPE_TRAINING, CHEST_TRAINING):
        assert (settings.beta_1, settings.beta_2) == (0.9, 0.999)
        assert (settings.plateau_factor, settings.plateau_patience) == (0.1, 3)
