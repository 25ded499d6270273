"""Would a small trained network find airless lung better than the rules do?

    .venv/bin/python -m bench.ct_lung_network train OUT.weights.h5 SCAN... [--minutes N] [--start W]
    .venv/bin/python -m bench.ct_lung_network measure WEIGHTS SCAN [--every N]

It learns from chests whose lungs the classical method finds, filled with drawn disease, and is
measured on the phantoms of `bench.ct_phantoms` in a chest that it must not have learned from. A
scan is a folder of one DICOM series, or a NumPy archive with ``hu``, ``zooms`` and ``affine``. What
was seen is in the guide on CT; the node serves no such network.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pydicom
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from scipy import ndimage

from ai_engine.ct.cavity import AIRLESS, INSIDE
from ai_engine.ct.disease import Filling, insert
from ai_engine.ct.expected_lung import DENSE
from ai_engine.ct.grid import CoarseGrid, enlarge_field, reduce_grid, reduce_grid_mask
from ai_engine.ct.high_attenuation import ANY_RADIUS, HAZY_RADIUS, HIGH_ATTENUATION
from ai_engine.ct.lesion_sets import from_head
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, LungMasks, find_lungs
from ai_engine.ct.morphology import Mask, dilate, remove_thin
from ai_engine.ct.slices import SliceReference
from ai_engine.ct.volume import CtVolume, VolumeGeometry, read_volume
from bench.ct_phantoms import halved, matrix
from bench.lung_cells import Floats, build, expected, packed, scaled
from bench.lung_variants import STEP, Chest, diseased, known_chest, moved

RATE = 2e-3
FROZEN_FROM = 0.6
"""Learning rate at first, and part of the training from which normalisations stand still: what is
served has their running means, not those of a single volume."""

POOL = 40
KEPT = 80
"""Moved copies of each chest at most, and drawn volumes that are learned from again."""

SURE = 0.9
LIKELY = 0.55
PLACE_ML = 1.0
AROUND = 4.0
"""Probabilities that a dense place has somewhere and everywhere, its least ml, and mm around it."""

FULL = 200.0
"""Rows and columns beyond which a scan is halved before it is measured, as `ct_phantoms` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Shares of one lung in per cent: true, stated by the rules, and with the network instead."""

    title: str
    side: str
    true: float
    rules: float
    network: float


def read_scan(path: Path) -> CtVolume:
    """A folder of one series, or an archive."""
    if path.is_dir():
        return read_volume([pydicom.dcmread(each) for each in sorted(path.glob("*.dcm"))])
    with np.load(path) as stored:
        turns = [int(each) for each in np.sign(np.diag(stored["affine"])[:3])]
        values = from_head(stored["hu"], turns).astype(np.int16)
        across, down, along = (float(each) for each in stored["zooms"])
    return CtVolume(
        hounsfield=values,
        geometry=VolumeGeometry(
            shape=(values.shape[0], values.shape[1], values.shape[2]),
            spacing=(along, down, across),
            rows_along=(0.0, 1.0, 0.0),
            columns_along=(1.0, 0.0, 0.0),
            references=tuple(SliceReference(sop_instance_uid=str(at)) for at in range(len(values))),
            positions=tuple((0.0, 0.0, -along * at) for at in range(len(values))),
        ),
    )


def drawn(chests: Sequence[Chest], seed: int) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Cells to learn from without end: input, both lungs, and what each voxel counts."""
    rng = np.random.default_rng(seed)
    pools: list[list[Chest]] = [[] for _ in chests]
    kept: list[tuple[Floats, Floats, Floats]] = []
    while True:
        at = int(rng.integers(len(chests)))
        if not pools[at] or (len(pools[at]) < POOL and rng.random() < 0.3):
            pools[at].append(moved(chests[at], rng))
        values, lungs, counts = diseased(pools[at][rng.integers(len(pools[at]))], rng)
        kept.append((packed(scaled(values)), packed(lungs), packed(counts[..., np.newaxis])))
        del kept[:-KEPT]
        yield kept[-1]
        yield kept[rng.integers(len(kept))]


def train(chests: Sequence[Chest], out: Path, *, minutes: float, start: Path | None) -> None:
    """Learn for some minutes and write the weights."""
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    network = build()
    if start:
        network.load_weights(start)
    optimizer = keras.optimizers.Adam(RATE, clipnorm=1.0)
    live, frozen = (_step(network, optimizer, is_live=each) for each in (True, False))
    begun = time.monotonic()
    for done, batch in enumerate(drawn(chests, seed=1), start=1):
        part = (time.monotonic() - begun) / 60 / minutes
        if part >= 1:
            break
        optimizer.learning_rate.assign(RATE * (0.51 + 0.49 * np.cos(np.pi * part)))
        loss = (live if part < FROZEN_FROM else frozen)(*(each[np.newaxis] for each in batch))
        if done % 25 == 0:
            print(f"{done} volumes, {100 * part:.0f} %, loss {float(loss):.3f}", flush=True)
    network.save_weights(out)


def _step(network: Any, optimizer: Any, *, is_live: bool) -> Any:
    """One step: cross-entropy and Dice loss, both weighted."""

    @tf.function  # type: ignore[untyped-decorator]
    def step(cells: Any, lungs: Any, counts: Any) -> Any:
        weights = tf.repeat(counts, 2, axis=-1)
        with tf.GradientTape() as tape:
            logits = network(cells, training=is_live)
            each = tf.nn.sigmoid_cross_entropy_with_logits(labels=lungs, logits=logits)
            entropy = tf.reduce_sum(weights * each) / tf.reduce_sum(weights)
            made = tf.sigmoid(logits)
            common = tf.reduce_sum(weights * made * lungs)
            loss = entropy + 1 - 2 * common / tf.reduce_sum(weights * (made + lungs))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    return step


def with_network(network: Any, masks: LungMasks) -> Labels:
    """Coarse labels whose airless parts are the network's instead of the rules'."""
    grid, cavity = masks.grid, masks.cavity
    aerated = [
        (masks.coarse_labels == side) & ~airless
        for side, airless in ((RIGHT, cavity.right), (LEFT, cavity.left))
    ]
    chest = reduce_grid(grid)
    hollow = masks.airways | masks.gas.mask
    taken = reduce_grid_mask(aerated[0] | aerated[1], grid) | reduce_grid_mask(hollow, grid, 0.3)
    likely = _expected(network, chest)
    free = ~(aerated[0] | aerated[1] | hollow) & (grid.hounsfield > AIRLESS)
    labels = np.zeros(grid.hounsfield.shape, np.uint8)
    for at, side in enumerate((RIGHT, LEFT)):
        places = _places(likely[..., at], (chest.hounsfield > DENSE) & ~taken, chest)
        own = reduce_grid_mask(aerated[at], grid).astype(np.float32)
        field = np.maximum(np.where(places, likely[..., at], 0), own).astype(np.float32)
        near = enlarge_field(places.astype(np.float32), chest, grid) > 0.25
        airless = (enlarge_field(field, chest, grid) > INSIDE) & near & free
        labels[(aerated[at] | airless) & (labels == 0)] = side
    return labels


def _expected(network: Any, chest: CoarseGrid) -> Floats:
    """The network's probabilities on a chest's grid, whose slices may be nearer than 4 mm."""
    values, count = chest.hounsfield.astype(np.float32), len(chest.hounsfield)
    ratio = STEP / chest.spacing[0]
    wanted = np.arange(0, count - 1 + 1e-6, ratio)
    likely = expected(network, _between(values, wanted))
    return _between(likely, np.clip(np.arange(count) / ratio, 0, len(likely) - 1))


def _between(planes: Floats, places: Floats | Any) -> Floats:
    low = np.minimum(places.astype(int), len(planes) - 2)
    part = (places - low).astype(np.float32).reshape(-1, *[1] * (planes.ndim - 1))
    return np.asarray(planes[low] * (1 - part) + planes[low + 1] * part, np.float32)


def _places(likely: Floats, dense: Mask, chest: CoarseGrid) -> Mask:
    """Dense places that the network is sure of somewhere, and what is dense around them."""
    labels, count = ndimage.label((likely > LIKELY) & dense)
    sizes = np.bincount(labels.ravel()) * chest.voxel_ml
    most = np.asarray(ndimage.maximum(likely, labels, np.arange(count + 1)))
    kept = (sizes >= PLACE_ML) & (most >= SURE)
    kept[0] = False
    return np.asarray(dilate(kept[labels], AROUND, chest.spacing) & dense)


def shares(grid: CoarseGrid, labels: Labels) -> tuple[float, float]:
    """Per cent of the right and the left lung that is dense, on the coarse grid."""
    low, high = HIGH_ATTENUATION
    attenuated = (grid.hounsfield >= low) & (labels > 0)
    found = remove_thin(attenuated, ANY_RADIUS, grid.spacing)
    found |= remove_thin(attenuated & (grid.hounsfield <= high), HAZY_RADIUS, grid.spacing)
    own = [labels == side for side in (RIGHT, LEFT)]
    right, left = (100.0 * float(found[lung].mean()) if lung.any() else 0.0 for lung in own)
    return right, left


def measure(network: Any, volume: CtVolume, every: int) -> Iterator[Row]:
    """The untouched scan, and the phantoms of solid lung and fluid up to 40 %."""
    lungs = find_lungs(volume)
    yield from _rows(network, "untouched", lungs, (0.0, 0.0))
    for disease in list(matrix())[::every]:
        if disease.filling not in {Filling.SOLID, Filling.FLUID} or disease.share > 0.405:
            continue
        phantom = insert(volume, lungs.labels, disease)
        yield from _rows(network, disease.title, find_lungs(phantom.volume), phantom.shares)


def _rows(network: Any, title: str, masks: LungMasks, true: tuple[float, float]) -> Iterator[Row]:
    rules = shares(masks.grid, masks.coarse_labels)
    learned = shares(masks.grid, with_network(network, masks))
    for at, side in enumerate(("right", "left")):
        yield Row(
            title=title,
            side=side,
            true=100.0 * true[at],
            rules=rules[at],
            network=learned[at],
        )


def main() -> None:
    """Train, or measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    training = commands.add_parser("train")
    training.add_argument("out", type=Path)
    training.add_argument("scans", type=Path, nargs="+")
    training.add_argument("--minutes", type=float, default=30.0)
    training.add_argument("--start", type=Path, help="weights to go on from")
    measuring = commands.add_parser("measure")
    measuring.add_argument("weights", type=Path)
    measuring.add_argument("scan", type=Path)
    measuring.add_argument("--every", type=int, default=4, help="take every Nth phantom")
    options = parser.parse_args()
    if options.command == "train":
        chests = [known_chest(read_scan(path)) for path in options.scans]
        train(chests, options.out, minutes=options.minutes, start=options.start)
        return
    network = build()
    network.load_weights(options.weights)
    volume = read_scan(options.scan)
    if volume.geometry.shape[1] > 2 * FULL:
        volume = halved(volume)
    table = Table("phantom", "lung", "true %", "rules", "network")
    for row in measure(network, volume, options.every):
        values = (f"{value:.1f}" for value in (row.true, row.rules, row.network))
        table.add_row(row.title, row.side, *values)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
