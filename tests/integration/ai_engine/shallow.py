"""DenseNets of one layer in each block: their form is what matters, and they train at once."""

import importlib

import pytest


def shallow_densenets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all DenseNets that this process builds be shallow."""
    # All are imported first: one that is imported later would keep the shallow blocks for good.
    modules = [
        importlib.import_module(f"ai_engine.{name}")
        for name in ("models.densenet", "models.dense_blocks", "kinds.dual_view.network")
    ]
    for module in modules:
        monkeypatch.setattr(module, "BLOCKS", (1, 1, 1, 1))
