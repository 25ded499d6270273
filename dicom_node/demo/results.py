"""The files that the demonstration leaves in its folder."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from pydicom import dcmread

from dicom_node.demo.outcomes import StudyOutcome

WORK = "work"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFiles:
    """Where a study's results were put: reports and overlays as Part 10, overlays as PNG."""

    reports: tuple[Path, ...]
    overlays: tuple[Path, ...]
    pictures: tuple[Path, ...]


def clear(folder: Path) -> None:
    """Remove the results of the last demonstration, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.dcm", "*.png"):
        for path in folder.glob(pattern):
            path.unlink()
    clear_work(folder)


def clear_work(folder: Path) -> None:
    """Remove the data of the node and the PACS, images included; converted models may stay."""
    for path in (folder / WORK / "pacs", folder / WORK / "sent"):
        shutil.rmtree(path, ignore_errors=True)
    data = folder / WORK / "data"
    for path in data.glob("*"):
        if path.is_file() or path.is_symlink():
            path.unlink()
        elif path.name != "cache":
            shutil.rmtree(path)


def keep(folder: Path, name: str, outcome: StudyOutcome) -> ResultFiles:
    """Copy a study's evidence out of the PACS under telling names, and draw the overlays."""
    reports = _copied(folder, f"{name}-report", outcome.reports)
    overlays = _copied(folder, f"{name}-overlay", outcome.overlays)
    return ResultFiles(
        reports=reports, overlays=overlays, pictures=tuple(_drawn(path) for path in overlays)
    )


def _copied(folder: Path, name: str, sources: tuple[Path, ...]) -> tuple[Path, ...]:
    targets = []
    for number, source in enumerate(sources, start=1):
        suffix = f"-{number}" if len(sources) > 1 else ""
        targets.append(folder / f"{name}{suffix}.dcm")
        shutil.copyfile(source, targets[-1])
    return tuple(targets)


def _drawn(overlay: Path) -> Path:
    picture = overlay.with_suffix(".png")
    Image.fromarray(dcmread(overlay).pixel_array).save(picture)
    return picture
