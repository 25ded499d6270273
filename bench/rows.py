"""One measured figure a row, as a table for people and as JSON for programs."""

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A figure: what was measured, how much of which unit, and under which conditions."""

    name: str
    value: float
    unit: str
    condition: str = ""


def as_table(rows: Iterable[Row]) -> Table:
    """Return the rows as a table."""
    table = Table("What", "Figure", "Unit", "Under which conditions", box=None)
    for row in rows:
        table.add_row(row.name, _figure(row.value), row.unit, row.condition)
    return table


def _figure(value: float) -> str:
    """Three digits that count, and never a power of ten in a table for people."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(rows: Iterable[Row], path: Path) -> None:
    """Write the rows with what they were measured on: figures mean nothing without it."""
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
