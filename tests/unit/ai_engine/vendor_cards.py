"""Cards of networks of somebody else, and a radiograph to show them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ai_engine.kinds.testing import told_apart
from ai_engine.library.card import ModelCard, described_digest
from ai_engine.library.labels import reported_label
from ai_engine.library.service import Service
from ai_engine.library.tensors import Scaling, Tensors
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph

SIZE = 64


def vendor_card(
    folder: Path = Path(),
    *,
    endpoint: str = "http://127.0.0.1:1",
    model: str = "brightness",
    labels: tuple[str, ...] = ("Lung Opacity",),
    tensors: Tensors | None = None,
    timeout: float = 5.0,
    **fields: object,
) -> ModelCard:
    """The card of a service that needs no guard."""
    card = ModelCard(
        folder=folder,
        name="vendor-opacity",
        version="1.0.0",
        title="Opacity by a vendor",
        manufacturer="A vendor",
        kind="service",
        architecture="open-inference-v2",
        weights_digest="",
        research_only=True,
        intended_use="Tests only.",
        limitations=(),
        refuses=(),
        licence="none",
        attribution="none",
        input_size=SIZE,
        guard="none",
        labels=tuple(reported_label(name, threshold=0.5) for name in labels),
        metrics=tuple(told_apart(name) for name in labels),
        tensors=tensors
        or Tensors(input="image", probabilities="probabilities", scaling=Scaling.UNIT),
        service=Service(endpoint=endpoint, model=model, timeout=timeout),
        **fields,  # type: ignore[arg-type]
    )
    return replace(card, weights_digest=described_digest(card))


def some_radiograph(rows: int = 320, columns: int = 480, seed: int = 3) -> Radiograph:
    """Noise from 0 to 1, wider than high."""
    pixels = np.random.default_rng(seed).random((rows, columns), dtype=np.float32)
    return Radiograph(sop_instance_uid="1.2.3", pixels=pixels, content=content_region(pixels))
