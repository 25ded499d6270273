"""Ratios that must stay small, of what the node does to what it cannot do without.

    .venv/bin/python -m bench.guard

Processor seconds of this process, both sides in turns, medians of pairs: what else the machine does
tells on both. The bounds are several times what was measured on a quiet machine: they are for a
change that makes something twice or thrice as slow, not for one of some per cent. The tests compare
each (tests/integration/ai_engine/test_ratios.py).
"""

import argparse
import hashlib
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.uid import generate_uid
from rich.console import Console

from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.inference.views import model_batch, model_image, model_view
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.loading import load_predictor
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.preprocessing.radiograph import Radiograph, read_radiograph
from bench import growth
from bench.rows import Row, as_table
from dicom_node.archive.part10 import decode_head
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.reception import Announcement
from dicom_node.persistence.database import make_engine, migrate

_CONFIG = Path(__file__).parents[1] / "config"
_PAIRS = 7
_FEW, _MANY = 200, 4000
# Work whose cost must not depend on how much there is.
_DAILY = (
    "receive a study",
    "claim it and finish it",
    "studies being received",
    "claims",
    "the newest 20 studies (status)",
    "the newest instance",
    "what is due for one of them",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """What was measured, and above which it is said to be too much."""

    name: str
    value: float
    most: float

    @property
    def holds(self) -> bool:
        """Whether it is within its bound."""
        return self.value <= self.most

    def as_row(self) -> Row:
        """Return it for the table."""
        condition = f"processor time, at most {self.most:g}"
        return Row(name=self.name, value=self.value, unit="×", condition=condition)


def predicting(
    predictor: ChestRadiographPredictor, backend: OpenVinoBackend, image: Radiograph
) -> Ratio:
    """Compare prediction and heat maps with the bare network on the same batch."""
    card = predictor.card
    batch = model_batch(card, model_image(card, image, model_view(card, image)))
    value = _ratio(
        partial(predictor.heat_maps, image), partial(backend.predict, batch), pairs=_PAIRS
    )
    return Ratio(name="Prediction with heat maps, to the bare network", value=value, most=4.0)


def storing(folder: Path) -> Ratio:
    """Compare storing an object, but for making it durable, with hashing and writing its bytes."""
    archive = StorageArchive(ArchiveSettings(root=folder / "archive", durable=False))
    archive.open()
    plain = folder / "plain"
    objects = list(_objects(_PAIRS + 1))
    to_store, to_write = iter(objects), iter(objects)

    def store() -> None:
        archive.store(*next(to_store))

    def bare() -> None:
        payload, _ = next(to_write)
        hashlib.sha256(payload).hexdigest()
        plain.write_bytes(payload)

    value = _ratio(store, bare, pairs=_PAIRS)
    return Ratio(name="Storing an object of 2 MB, to hashing and writing it", value=value, most=5.0)


def growing(folder: Path) -> Ratio:
    """Compare a day's work on an index of 4,000 instances with that on one of 200: the worst."""
    few, many = (_day(folder, size).works() for size in (_FEW, _MANY))
    worst, value = max(
        (
            (name, _ratio(_numbered(many[name]), _numbered(few[name]), pairs=2 * _PAIRS))
            for name in _DAILY
        ),
        key=lambda each: each[1],
    )
    name = f"Daily work on {_MANY:,} instances, to that on {_FEW:,}: {worst}"
    return Ratio(name=name, value=value, most=4.0)


def measure() -> list[Ratio]:
    """Measure all, with the models that are shipped."""
    versions = read_active_versions(_CONFIG / "models.toml")
    registry = ModelRegistry()
    image = read_radiograph(make_radiograph(StudyUids.fresh(), datetime.now(UTC)).dataset)
    with tempfile.TemporaryDirectory(prefix="bench-guard-") as name:
        folder = Path(name)
        predictor = load_predictor(registry, versions, CHEST_MODEL, cache=folder / "cache")
        if not isinstance(predictor, ChestRadiographPredictor):
            sys.exit(f"{CHEST_MODEL} is no classifier with a linear head")
        backend = OpenVinoBackend.load(predictor.card, cache=folder / "cache")
        return [predicting(predictor, backend, image), storing(folder), growing(folder)]


def _day(folder: Path, instances: int) -> growth.Day:
    engine = make_engine(f"sqlite:///{folder / f'{instances}.sqlite'}")
    migrate(engine)
    growth.fill(engine, 0, instances // 2)
    return growth.Day(engine=engine, first=instances // 2)


def _numbered(work: Callable[[int], object]) -> Callable[[], object]:
    numbers = itertools.count()
    return lambda: work(next(numbers))


def _objects(count: int) -> Iterator[tuple[bytes, Announcement]]:
    """Yield new objects of 2 MB as data sets, with what a sender announces of each."""
    options = ChestOptions(rows=1024, columns=1024)
    dataset = make_radiograph(StudyUids.fresh(), datetime.now(UTC), options).dataset
    for _ in range(count):
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(dataset, keyword, generate_uid())
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        encoded = BytesIO()
        dcmwrite(encoded, dataset, enforce_file_format=True)
        meta, offset = decode_head(encoded.getvalue())
        announced = Announcement(
            sop_class_uid=meta.sop_class_uid,
            sop_instance_uid=meta.sop_instance_uid,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            calling_ae="GUARD",
            called_ae="AINODE",
            received_at=datetime.now(UTC),
        )
        yield encoded.getvalue()[offset:], announced


def _ratio(work: Callable[[], object], bare: Callable[[], object], *, pairs: int) -> float:
    """Median of the ratios of neighbours; one pair before, so that all is loaded."""
    work()
    bare()
    return float(np.median([_seconds(work) / _seconds(bare) for _ in range(pairs)]))


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return max(time.process_time() - begun, 1e-6)


def main() -> None:
    """Measure and print; fail where a ratio is beyond its bound."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    ratios = measure()
    Console(width=120).print(as_table(each.as_row() for each in ratios))
    beyond = [each.name for each in ratios if not each.holds]
    if beyond:
        sys.exit(f"beyond their bounds: {'; '.join(beyond)}")


if __name__ == "__main__":
    main()
