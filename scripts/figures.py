"""Write the page of what the default models reach, from their cards, beside the papers' figures.

    .venv/bin/python scripts/figures.py

Every figure stands in a card, measured by ``dicom-node models evaluate``; a test compares the page
with the cards.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ai_engine.library.card import Metric, ModelCard
from ai_engine.library.registry import ModelRegistry, read_active_versions

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "figures.md"
BEGIN, END = "<!-- written by `make figures` -->", "<!-- written until here -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A figure that the page shows: where it stands in a card, in words, and the paper's."""

    model: str
    name: str
    label: str
    words: str
    split: str = "test"
    group: str = "all"
    paper: str = "–"


SHOWN = (
    Shown(
        model="paper2-xray-or-not",
        name="accuracy",
        label="all",
        words="radiograph, photograph or slice: right",
        paper="0.987, radiograph or photograph (paper 2, module I)",
    ),
    Shown(
        model="paper2-xray-or-not",
        name="recall",
        label="X-ray",
        words="radiographs taken for radiographs",
    ),
    Shown(
        model="paper2-xray-or-not",
        name="recall",
        label="CT or MR slice",
        words="slices of volumes that were not learned from, told from radiographs",
    ),
    Shown(
        model="paper2-type",
        name="accuracy",
        label="all",
        group="patients",
        words="type of radiograph, by patient: right",
        paper="0.976, 14 types (paper 2, module II)",
    ),
    Shown(
        model="paper2-type",
        name="answered",
        label="all",
        words="radiographs of a type that are answered",
    ),
    Shown(
        model="paper2-type",
        name="accuracy",
        label="all",
        group="answered",
        words="answers that are right",
    ),
    Shown(
        model="paper2-type",
        name="refused",
        label="all",
        group="of no class",
        words="what is of no type, never learned from: not answered",
    ),
    Shown(
        model="chest-view",
        name="accuracy",
        label="all",
        words="frontal or lateral chest: right",
    ),
    Shown(
        model="frontal-chest-guard",
        name="accepted",
        label="FRONTAL",
        words="frontal chests let pass",
    ),
    Shown(
        model="chest-radiograph",
        name="auc",
        label="Abnormal",
        group="from nih-621",
        words="abnormal or not, where exposure gives nothing away (AUC)",
        paper="0.792, no finding on all of NIH (paper 1)",
    ),
    Shown(
        model="chest-radiograph",
        name="auc",
        label="Abnormal",
        group="from cxr",
        words="abnormal or not, where twenty grey values alone reach 0.893 (AUC)",
    ),
    Shown(
        model="lung-segmentation",
        name="dice",
        label="Lungs",
        split="cross-validation",
        group="undoubted masks",
        words="lungs outlined (Dice)",
        paper="0.96 (paper 3, section 3.1)",
    ),
    Shown(
        model="bone-suppression",
        name="peak_signal_to_noise_db",
        label="Bones",
        words="bones of the chest wall drawn on projections of two CTs that were not learned from "
        "(signal to noise, dB)",
        paper="no figures (paper 3, section 3.2)",
    ),
    Shown(
        model="bone-suppression",
        name="peak_signal_to_noise_db",
        label="Bones",
        group="radiograph as it is",
        words="the same where no bones are drawn",
    ),
    Shown(
        model="xnet-lung",
        name="dice",
        label="inhomogeneity",
        split="cross-validation",
        group="outlined lesions",
        words="lesions of COVID-19 pneumonia outlined on single CT slices (Dice)",
        paper="0.91 on its own test part (paper 5, section 6)",
    ),
    Shown(
        model="xnet-lung",
        name="dice",
        label="inhomogeneity",
        split="cross-validation",
        group="outlined lesions, dense within the lungs",
        words="the same by all that is dense within the lungs",
    ),
    Shown(
        model="xnet-lung",
        name="dice",
        label="inhomogeneity",
        split="cross-validation",
        group="outlined lesions, above dense within the lungs",
        words="XNet less all that is dense, in pairs",
    ),
    Shown(
        model="xnet-lung",
        name="dice",
        label="inhomogeneity",
        split="cross-validation",
        group="outlined lesions, regression of grey values",
        words="the same by a regression of grey values",
    ),
    Shown(
        model="xnet-lung",
        name="dice",
        label="inhomogeneity",
        split="cross-validation",
        group="outlined lesions, above regression of grey values",
        words="XNet less the regression, in pairs",
    ),
)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """The page with its table made again."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{table()}{END}{after}"


def table() -> str:
    """The figures of the active models, one line each."""
    registry = ModelRegistry()
    versions = read_active_versions(ROOT / "config" / "models.toml")
    lines = [
        "| model | what | images | figure (95 %) | the paper's |",
        "| --- | --- | --- | --- | --- |",
    ]
    for shown in SHOWN:
        if shown.model not in versions:
            continue
        card = registry.active(versions, shown.model)
        lines += [
            f"| `{card.name}` {card.version} | {shown.words} | {found.images} | "
            f"{_with_interval(found, shown)} | {shown.paper} |"
            for found in _found(card, shown)
        ]
    return "\n".join(lines) + "\n"


def _with_interval(found: Metric, shown: Shown) -> str:
    """A figure and its interval, with a sign where it is a difference."""
    form = "+.3f" if "above " in shown.group else ".3f"
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"


def _found(card: ModelCard, shown: Shown) -> Iterator[Metric]:
    wanted = (shown.name, shown.label, shown.split, shown.group)
    for each in card.metrics:
        if (each.name, each.label, each.split, each.group) == wanted:
            yield each


if __name__ == "__main__":
    main()
