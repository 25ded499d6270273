"""Does fine-tuning on a device's validated cases help that device, and harm no other?

    .venv/bin/python -m bench.finetune [--data DIR] [--device NAME]… [--together] [--out DIR]

Three simulated devices show the same radiographs; the labels that came with them are the experts'
verdicts. A candidate learns from the images of the validation split as one device shows them, or,
together, from those of all devices, as ``dicom-node models finetune`` does by default. All devices,
and the images as they are, are then measured on the test split: other patients, on whom nothing was
chosen. The champion's own training images are in neither.
"""

import argparse
import dataclasses
import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from ai_engine.calibration.cases import Minimum
from ai_engine.commands.comparison.measuring import measure
from ai_engine.commands.comparison.plot import draw_comparison
from ai_engine.commands.comparison.report import PLOT_NAME, Comparison, as_table, write_report
from ai_engine.commands.finetune import Tuning, finetune, tuning_recipe
from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, read_cxr
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.classifier.validated import Reader, ValidatedCase
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.library.card import ModelCard, write_card
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.library.weights_file import WEIGHTS_FILE, write_weights
from ai_engine.preprocessing.radiograph import Radiograph
from bench.devices import DEVICES, SimulatedDevice

_ROOT = Path(__file__).parents[1]
_DATA = Path(os.environ.get("DICOM_NODE_TEST_DATA", _ROOT.parent / "shared" / "data")) / "cxr"

UNCHANGED = SimulatedDevice(
    name="unchanged", words="as the champion was trained", change=lambda pixels, _rng: pixels
)
SHOWN = (*DEVICES, UNCHANGED)
"""The devices that every candidate is measured on."""


def cases_of(
    items: Sequence[CxrItem], device: SimulatedDevice, labels: Sequence[str]
) -> tuple[ValidatedCase, ...]:
    """The items as an expert would have judged them on a device."""
    return tuple(
        ValidatedCase(
            name=item.file,
            device=device.name,
            patient=item.patient_id,
            truths={label: label in item.labels for label in labels},
            weights=dict.fromkeys(labels, 1.0),
        )
        for item in items
    )


def reader(dataset: CxrDataset) -> Reader:
    """Read the image of a case as its device shows it."""
    items = {item.file: item for item in dataset.items}
    devices = {device.name: device for device in SHOWN}

    def read(case: ValidatedCase) -> Radiograph:
        return devices[case.device].acquire(as_radiograph(dataset, items[case.name]))

    return read


def candidate_of(
    card: ModelCard,
    cases: Sequence[ValidatedCase],
    *,
    read: Reader,
    tuning: Tuning,
    folder: Path,
    console: Console | None = None,
) -> ModelCard:
    """Fine-tune a model on cases, and write it as a model folder with the same thresholds."""
    folder.mkdir(parents=True, exist_ok=True)
    recipe = tuning_recipe(card, tuning)
    tensors = finetune(card, recipe, cases=cases, read=read, folder=folder, console=console)
    place = folder / "candidate"
    digest = write_weights(place / WEIGHTS_FILE, tensors)
    tuned = dataclasses.replace(
        card,
        folder=place,
        version=f"{card.version}-tuned-on-{folder.name}",
        weights_file=WEIGHTS_FILE,
        weights_digest=digest,
        metrics=(),
        figures_of="",
    )
    write_card(tuned)
    return tuned


def compared(
    champion: Scorer,
    candidate: Scorer,
    items: Sequence[CxrItem],
    *,
    read: Reader,
    console: Console | None = None,
) -> Comparison:
    """Both models on every device."""
    labels = [label.name for label in champion.card.labels]
    return measure(
        champion=champion,
        candidate=candidate,
        cases=[case for device in SHOWN for case in cases_of(items, device, labels)],
        read=read,
        minimum=Minimum(),
        titles={device.name: f"{device.name} ({device.words})" for device in SHOWN},
        notes=(),
        made_at=datetime.now(UTC),
        console=console,
    )


def main() -> None:
    """Fine-tune on each device in turn, or on all, and print how the candidate does on all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--out", type=Path, help="keep candidates and reports in this folder")
    parser.add_argument("--device", action="append", choices=[each.name for each in DEVICES])
    parser.add_argument(
        "--together", action="store_true", help="one candidate that learns from all of them"
    )
    parser.add_argument("--epochs", type=int, default=Tuning().epochs)
    parser.add_argument("--seed", type=int, default=Tuning().seed)
    options = parser.parse_args()
    console = Console(width=200)
    versions = read_active_versions(_ROOT / "config" / "models.toml")
    card = ModelRegistry().active(versions, CHEST_MODEL)
    dataset = read_cxr(options.data)
    read = reader(dataset)
    labels = [label.name for label in card.labels]
    tuning = Tuning(epochs=options.epochs, seed=options.seed)
    with tempfile.TemporaryDirectory(prefix="bench-finetune-") as temporary:
        out = options.out or Path(temporary)
        converted = Path(temporary) / "converted"
        champion = Scorer.load(card, cache=converted)
        chosen = [each for each in DEVICES if not options.device or each.name in options.device]
        for group in [chosen] if options.together else [[device] for device in chosen]:
            name = " and ".join(device.name for device in group)
            folder = out / name.replace(" ", "-")
            items = dataset.part(Split.VALID)
            learned = [case for device in group for case in cases_of(items, device, labels)]
            console.print(f"{name}: learns from {len(learned)} images")
            tuned = candidate_of(
                card, learned, read=read, tuning=tuning, folder=folder, console=console
            )
            comparison = compared(
                champion,
                Scorer.load(tuned, cache=converted),
                dataset.part(Split.TEST),
                read=read,
                console=console,
            )
            write_report(comparison, folder)
            draw_comparison(comparison, folder / PLOT_NAME)
            console.print(as_table(comparison))
            console.print(comparison.verdict)


if __name__ == "__main__":
    main()
