"""How much of a disease is found in a chest CT? True against stated share on phantoms.

    .venv/bin/python -m bench.ct_phantoms [--series DIR] [--plot PNG] [--every N] [--halved]

Consolidation, ground-glass, fluid, masses and gas are put into a real series whose lungs are known
(`ai_engine.ct.disease`), in many places and from 1 to 60 per cent. Each phantom is one analysis;
the whole matrix takes about half an hour on two cores, ``--every 4`` a quarter of that, and
``--halved``, with half as many rows and columns, a third.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pydicom
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track
from rich.table import Table

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.disease import Disease, Filling, Place, insert
from ai_engine.ct.explanation import conclusion
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, find_lungs
from ai_engine.ct.results import CtAnalysis
from ai_engine.ct.volume import CtVolume, read_volume

_ROOT = Path(__file__).parents[1]
_DATA = Path(os.environ.get("DICOM_NODE_TEST_DATA", _ROOT.parent / "shared" / "data"))
_SERIES = _DATA / "dicom" / "ct-nlst"

_SHARES = (0.01, 0.05, 0.14, 0.30, 0.40, 0.60)
_SIDES = ((RIGHT,), (LEFT,), (RIGHT, LEFT))
_KINDS = (
    (Filling.SOLID, (Place.BASAL, Place.APICAL, Place.PERIPHERAL, Place.MASS, Place.PATCHES)),
    (Filling.DENSE_GLASS, (Place.BASAL, Place.PERIPHERAL, Place.PATCHES)),
    (Filling.FAINT_GLASS, (Place.BASAL, Place.PERIPHERAL, Place.PATCHES)),
    (Filling.FLUID, (Place.DEPENDENT,)),
    (Filling.GAS, (Place.ANTERIOR,)),
)
_AIM = 40.0
_POINTS = 2.0
_COLORS = {
    Filling.SOLID: "tab:red",
    Filling.DENSE_GLASS: "tab:blue",
    Filling.FAINT_GLASS: "tab:cyan",
    Filling.FLUID: "tab:green",
    Filling.GAS: "tab:gray",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One phantom: the share of both lungs that is diseased and that was stated, in per cent."""

    disease: Disease
    true: float
    stated: float
    graded: bool
    healthy: bool

    @property
    def error(self) -> float:
        """Percentage points that were stated too many."""
        return self.stated - self.true


def matrix() -> Iterator[Disease]:
    """All phantoms."""
    for filling, places in _KINDS:
        for place in places:
            for share in _SHARES:
                for lungs in _SIDES:
                    yield Disease(place=place, filling=filling, share=share, lungs=lungs)


def measure(volume: CtVolume, lungs: Labels, disease: Disease) -> Row:
    """Analyse one phantom; shares are of the diseased lung, or of both."""
    diseased = insert(volume, lungs, disease)
    analysis = analyse_volume(diseased.volume)
    at = 2 if len(disease.lungs) > 1 else disease.lungs[0] - 1
    true = sum(diseased.shares) / 2 if at == 2 else diseased.shares[at]
    return Row(
        disease=disease,
        true=100.0 * true,
        stated=analysis.measurements[at].percentage or 0.0,
        graded=analysis.measurements[at].severity is not None,
        healthy=_is_called_healthy(analysis),
    )


def halved(volume: CtVolume) -> CtVolume:
    """The volume with half as many rows and columns, each the mean of two."""
    geometry = volume.geometry
    slices, rows, columns = geometry.shape
    size = columns // 2, rows // 2
    planes = [
        cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for plane in volume.hounsfield
    ]
    step, height, width = geometry.spacing
    spacing = (step, height * rows / size[1], width * columns / size[0])
    return replace(
        volume,
        hounsfield=np.rint(np.stack(planes)).astype(np.int16),
        geometry=replace(geometry, shape=(slices, size[1], size[0]), spacing=spacing),
    )


def _is_called_healthy(analysis: CtAnalysis) -> bool:
    return "healthy" in conclusion(analysis)


def table(rows: Sequence[Row]) -> Table:
    """The figures, one row for each phantom."""
    shown = Table("phantom", "true %", "stated %", "error", "grade", "healthy")
    for row in rows:
        shown.add_row(
            row.disease.title,
            f"{row.true:.1f}",
            f"{row.stated:.1f}",
            f"{row.error:+.1f}",
            "yes" if row.graded else "cannot grade",
            "YES" if row.healthy else "no",
        )
    return shown


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """How many phantoms are within the aim, by what fills them."""
    for filling in Filling:
        errors = [
            abs(row.error)
            for row in rows
            if row.disease.filling is filling and row.true <= _AIM + 0.5
        ]
        if errors and filling is not Filling.GAS:
            within = sum(error <= _POINTS for error in errors)
            yield (
                f"{filling}: {within} of {len(errors)} phantoms up to {_AIM:g} % within "
                f"{_POINTS:g} points; mean error {sum(errors) / len(errors):.1f}, "
                f"largest {max(errors):.1f}"
            )
    yield f"called healthy: {sum(row.healthy for row in rows)} of {len(rows)} diseased phantoms"


def plot(rows: Sequence[Row], path: Path) -> None:
    """Draw true against stated share."""
    figure = Figure(figsize=(6.0, 6.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 62], [0, 62], color="black", linewidth=0.8)
    axes.fill_between(
        [0, _AIM], [-_POINTS, _AIM - _POINTS], [_POINTS, _AIM + _POINTS], color="0.88"
    )
    for filling, color in _COLORS.items():
        for graded, face in ((True, color), (False, "none")):
            mine = [row for row in rows if row.disease.filling is filling and row.graded is graded]
            axes.scatter(
                [row.true for row in mine],
                [row.stated for row in mine],
                s=22,
                facecolors=face,
                edgecolors=color,
                label=filling.value if graded else None,
                alpha=0.8,
            )
    axes.scatter([], [], s=22, facecolors="none", edgecolors="black", label="cannot grade")
    axes.set_xlabel("true share of the lung (%)")
    axes.set_ylabel("stated share (%)")
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure the phantoms, print the table and write the plot."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--series", type=Path, default=_SERIES, help="a folder of CT slices")
    parser.add_argument("--plot", type=Path, help="where to write true against stated share")
    parser.add_argument("--every", type=int, default=1, help="take every Nth phantom")
    parser.add_argument("--halved", action="store_true", help="half as many rows and columns")
    options = parser.parse_args()
    volume = read_volume([pydicom.dcmread(path) for path in sorted(options.series.glob("*.dcm"))])
    if options.halved:
        volume = halved(volume)
    lungs = find_lungs(volume).labels
    # A step that three divides would meet one and the same side of the body every time.
    step = options.every + (options.every > 1 and options.every % len(_SIDES) == 0)
    diseases = list(matrix())[::step]
    rows = [measure(volume, lungs, disease) for disease in track(diseases, "phantoms")]
    console = Console(width=120)
    console.print(table(rows))
    for line in summary(rows):
        console.print(line)
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
