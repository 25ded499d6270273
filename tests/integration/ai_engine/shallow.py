"""DenseNets of one layer in each block: their form is what matters, and they train at once."""

import pytest


def shallow_densenets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all DenseNets that this process builds be shallow."""
    for module in ("models.densenet", "models.dense_blocks", "kinds.dual_view.network"):
        monkeypatch.setattr(f"ai_engine.{module}.BLOCKS", (1, 1, 1, 1))
