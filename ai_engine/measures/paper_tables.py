"""The papers' own tables, with our column beside each of theirs.

A model's card says which published recipe it was trained by; its evaluation on that paper's data
set then prints the table that the paper has.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from rich.table import Table

from ai_engine.datasets.chexpert import CHEXPERT_LABELS
from ai_engine.library.card import ModelCard
from ai_engine.measures.metrics import Interval, bootstrap, measures
from ai_engine.measures.paper3_table import TABLE_1
from ai_engine.measures.report import SMALLEST_GROUP
from ai_engine.measures.scored import ScoredSplit

PLAIN_THRESHOLD = 0.5
"""Where paper 1's F1 without calibration is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One label's figures in a paper; None is what its table doesn't have."""

    auc: float
    f1: float | None = None
    f1_calibrated: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperTable:
    """A table of a paper, by the labels' names in the data set."""

    title: str
    labels: Mapping[str, Published]


def _aucs(**values: float) -> Mapping[str, Published]:
    return MappingProxyType({name: Published(auc=auc) for name, auc in values.items()})


def _full(auc: float, f1: float, f1_calibrated: float, threshold: float) -> Published:
    return Published(auc=auc, f1=f1, f1_calibrated=f1_calibrated, threshold=threshold)


TABLES: Mapping[str, PaperTable] = MappingProxyType(
    {
        "paper1-fluorography": PaperTable(
            title="Paper 1, table III (NIH ChestX-ray14)",
            labels=MappingProxyType(
                {
                    "No_Finding": _full(0.792, 0.740, 0.770, 0.001),
                    "Atelectasis": _full(0.816, 0.397, 0.420, 0.7994),
                    "Consolidation": _full(0.797, 0.207, 0.219, 0.9790),
                    "Infiltration": _full(0.708, 0.387, 0.426, 0.001),
                    "Pneumothorax": _full(0.885, 0.383, 0.422, 0.959),
                    "Edema": _full(0.883, 0.222, 0.237, 0.9590),
                    "Emphysema": _full(0.896, 0.287, 0.347, 0.979),
                    "Fibrosis": _full(0.799, 0.092, 0.110, 0.979),
                    "Effusion": _full(0.883, 0.556, 0.555, 0.599),
                    "Pneumonia": _full(0.791, 0.068, 0.096, 0.979),
                    "Cardiomegaly": _full(0.891, 0.301, 0.351, 0.979),
                }
            ),
        ),
        "paper2-chest": PaperTable(
            title="Paper 2, table III (NIH ChestX-ray14)",
            labels=_aucs(
                Atelectasis=0.81,
                Cardiomegaly=0.91,
                Effusion=0.88,
                Infiltration=0.70,
                Mass=0.84,
                Nodule=0.77,
                Pneumonia=0.75,
                Pneumothorax=0.88,
                Consolidation=0.81,
                Edema=0.89,
                Emphysema=0.93,
                Fibrosis=0.83,
                Pleural_Thickening=0.79,
                Hernia=0.96,
            ),
        ),
        **{
            recipe: PaperTable(
                title=f"Paper 3, table 1, row {row.title} (CheXpert)",
                labels=_aucs(**dict(zip(CHEXPERT_LABELS, row.aucs, strict=True))),
            )
            for recipe, row in TABLE_1.items()
        },
    }
)
"""By the recipe that a model must have been trained with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRow:
    """One label: what was measured here, and what the paper has; None is what there isn't.

    ``f1`` is at a threshold of 0.5, ``f1_calibrated`` at that of the card, which was chosen on the
    validation part (paper 1, section IV).
    """

    label: str
    images: int
    positives: int
    auc: Interval | None
    f1: float | None
    f1_calibrated: float | None
    threshold: float
    published: Published | None


def table_of(card: ModelCard) -> PaperTable | None:
    """The table of the paper whose recipe trained a model, or None."""
    return TABLES.get(card.recipe_name)


def paper_rows(table: PaperTable, scored: ScoredSplit, card: ModelCard) -> tuple[PaperRow, ...]:
    """One row for each label of the model, in its order.

    A label with fewer than five positive or negative images gets no figures: they'd mean nothing.
    """
    rows = []
    for label in card.labels:
        known = scored.known(label.name)
        truth, scores = scored.truth(label.name)[known], scored.scores(label.name)[known]
        enough = min(truth.sum(), (~truth).sum()) >= SMALLEST_GROUP
        patients = [one for one, kept in zip(scored.patients, known, strict=True) if kept]
        at_card, plain = measures(label.threshold), measures(PLAIN_THRESHOLD)
        rows.append(
            PaperRow(
                label=label.name,
                images=int(known.sum()),
                positives=int(truth.sum()),
                auc=bootstrap(at_card["auc"], truth, scores, patients) if enough else None,
                f1=float(plain["f1"](truth, scores)) if enough else None,
                f1_calibrated=float(at_card["f1"](truth, scores)) if enough else None,
                threshold=label.threshold,
                published=table.labels.get(label.name),
            )
        )
    return tuple(rows)


def rich_table(table: PaperTable, rows: Sequence[PaperRow]) -> Table:
    """The rows as a table for a terminal: ours and, after it, the paper's of each figure."""
    shown = Table(title=f"{table.title}: ours, and the paper's after it")
    for heading in ("label", "positive", "AUC (95 %)", "paper"):
        shown.add_column(heading)
    is_full = any(one.f1 is not None for one in table.labels.values())
    if is_full:
        for heading in ("F1", "paper", "F1 calibrated", "paper", "threshold", "paper"):
            shown.add_column(heading)
    for row in rows:
        paper = row.published or Published(auc=float("nan"))
        cells = [row.label, f"{row.positives} of {row.images}", _interval(row.auc)]
        cells.append(_figure(None if row.published is None else paper.auc))
        if is_full:
            cells += [_figure(row.f1), _figure(paper.f1)]
            cells += [_figure(row.f1_calibrated), _figure(paper.f1_calibrated)]
            cells += [_figure(row.threshold), _figure(paper.threshold)]
        shown.add_row(*cells)
    return shown


def means_in_words(rows: Sequence[PaperRow]) -> str:
    """The mean AUC over the labels that both have, ours and the paper's."""
    both = [(row.auc.value, row.published.auc) for row in rows if row.auc and row.published]
    if not both:
        return "No label has enough images to be measured beside the paper's figures."
    ours, theirs = np.mean(both, axis=0)
    return f"Mean AUC over {len(both)} labels: {ours:.3f}, the paper's {theirs:.3f}"


def write_rows(table: PaperTable, rows: Sequence[PaperRow], path: Path) -> None:
    """Write the rows as JSON."""
    document = {"table": table.title, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _interval(found: Interval | None) -> str:
    return "–" if found is None else f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
