"""Data sets put together from others by a plan: which images of which set are of which class.

Paper 2 learned what is an X-ray, and of what, from several sets (sections III-A and III-B, table
I). A plan is a TOML file: the classes, and for each source its folder and how its images get one.

    labels = ["Hand", "Chest"]
    shares = [0.55, 0.15, 0.3]          # of train, valid and test; by patient

    [[sources]]
    folder = "hands"                    # with labels.csv and images/
    label = "Hand"                      # all of it, or
    column = "targets"                  # by the value of a column of labels.csv
    values = { "Hand|Wrist" = "Hand" }  # what is not listed is left out
    patient = "patient_id"              # without it every image counts as a patient of its own
    at_most = 300                       # images, at even steps through the table
    only = "train"                      # of one part alone, whatever the patient
    copies = 1                          # of each training image as many more, varied by lot

    [[sources]]
    folder = "ct"
    label = "CT or MR slice"
    volumes = "*.npz"                   # slices of volumes (`ai_engine.datasets.slices`)
    by_lot = 80                         # of each volume as many more, in any plane and window

    [[sources]]
    folder = "pages"                    # drawn, not found: `ai_engine.datasets.pages`
    label = "not X-ray"
    pages = 200
    only = "train"

    [[sources]]
    folder = "MURA-v1.1"
    layout = "mura"                     # as it is distributed (`ai_engine.datasets.layouts`);
    values = { Hand = "Hand" }          # what the reader calls an image, without it all

    [[sources]]
    folder = "teeth"
    label = "Dental"
    images = "**/*.jpg"                 # images without a table, each a patient of its own

What is written is in the layout ``sample``: images, and a table that says of each its class,
source, patient and part.
"""

import csv
import hashlib
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from pydantic import TypeAdapter, ValidationError

from ai_engine.datasets.cxr import FIELDS, OPTIONAL_FIELDS, Split, View, image_path
from ai_engine.datasets.layouts import READERS
from ai_engine.datasets.pages import page
from ai_engine.datasets.slices import drawn_pictures, pictures, read_volume
from ai_engine.datasets.splits import Shares, place_of
from ai_engine.datasets.tables import Row, read_table
from ai_engine.datasets.varied import varied
from ai_engine.errors import DatasetError

TABLE = "labels.csv"

Found = TypeVar("Found")

_VIEWS = {"FRONTAL": View.UNKNOWN, "LATERAL": View.LATERAL, "AP": View.AP, "PA": View.PA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source of a plan; the module says what its fields mean."""

    folder: str
    label: str = ""
    column: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    patient: str = ""
    volumes: str = ""
    layout: str = ""
    images: str = ""
    at_most: int = 0
    only: Split | None = None
    copies: int = 0
    by_lot: int = 0
    pages: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a data set is put together from."""

    labels: tuple[str, ...]
    sources: tuple[Source, ...]
    shares: tuple[float, float, float] = (0.7, 0.2, 0.1)

    @property
    def parts(self) -> Shares:
        """The shares with the parts that they are of."""
        return tuple(zip(Split, self.shares, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """How many images of each class, in each part, a data set was given."""

    counts: Mapping[tuple[str, Split], int]
    patients: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    file: str
    patient: str
    view: View
    label: str
    source: str
    only: Split | None
    copies: int = 0


def plan_names() -> tuple[str, ...]:
    """Names of the plans that are shipped."""
    place = files("ai_engine.datasets") / "plans"
    return tuple(sorted(each.name.removesuffix(".toml") for each in place.iterdir()))


def load_plan(name_or_path: str) -> Plan:
    """A shipped plan by its name, or one of your own from a TOML file.

    Raises
    ------
    DatasetError
        If there is none, or it says what no plan can.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        text = path.read_text("utf-8")
    elif name_or_path in plan_names():
        text = (files("ai_engine.datasets") / "plans" / f"{name_or_path}.toml").read_text("utf-8")
    else:
        known = ", ".join(plan_names())
        raise DatasetError(f"{name_or_path}: no such plan; use one of {known}, or a TOML file")
    try:
        plan = TypeAdapter(Plan).validate_python(tomllib.loads(text))
    except (ValueError, ValidationError) as error:
        raise DatasetError(f"{name_or_path}: no plan: {error}") from error
    for source in plan.sources:
        _require_sound(source, plan, name_or_path)
    return plan


def compose(plan: Plan, sources: Path, out: Path) -> Composed:
    """Put a data set together in a new folder.

    ``sources`` holds the folder of each source.

    Raises
    ------
    DatasetError
        If a source is missing or cannot be read, a patient would have several places, or ``out``
        holds something already.
    """
    if out.exists() and any(out.iterdir()):
        raise DatasetError(f"{out}: is not empty; give a new folder")
    (out / "images").mkdir(parents=True, exist_ok=True)
    images = [one for source in plan.sources for one in _images(source, sources, out / "images")]
    parts = _parts(images, plan)
    images += [
        copy
        for one in images
        if parts[one.patient] is Split.TRAIN
        for copy in _varied_copies(one, out / "images")
    ]
    counts: dict[tuple[str, Split], int] = {}
    with (out / TABLE).open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow((*FIELDS, *OPTIONAL_FIELDS, *plan.labels))
        for one in images:
            part = parts[one.patient]
            held = (int(each == one.label) for each in plan.labels)
            table.writerow((one.file, one.patient, "", "", one.view, part, one.source, *held))
            counts[one.label, part] = counts.get((one.label, part), 0) + 1
    return Composed(counts=counts, patients=len(parts))


def _parts(images: Sequence[_Image], plan: Plan) -> dict[str, Split]:
    """The part of each patient: of every class, as nearly as can be, in the plan's shares.

    Patients of the rarest class are placed first, in the order of a hash of their identifiers, so
    that the same images give the same parts on every machine.
    """
    parts = {one.patient: one.only for one in images if one.only is not None}
    of_class: dict[str, set[str]] = {}
    for one in images:
        if one.only is None:
            of_class.setdefault(one.label, set()).add(one.patient)
    for patients in sorted(of_class.values(), key=len):
        missing = _missing(patients, parts, plan)
        for patient in sorted(patients - parts.keys(), key=place_of):
            parts[patient] = next((part for part, left in missing.items() if left > 0), Split.TRAIN)
            missing[parts[patient]] -= 1
    return parts


def _missing(patients: set[str], parts: Mapping[str, Split], plan: Plan) -> dict[Split, int]:
    """How many patients of a class each part still lacks; the test part first, as the smallest."""
    wanted = {part: round(share * len(patients)) for part, share in plan.parts}
    for patient in patients & parts.keys():
        wanted[parts[patient]] -= 1
    return {part: wanted[part] for part in (Split.TEST, Split.VALID, Split.TRAIN)}


def _require_sound(source: Source, plan: Plan, where: str) -> None:
    named = {*source.values.values(), *([source.label] if source.label else [])}
    if not named or (source.values and not (source.column or source.layout)):
        raise DatasetError(f"{where}: source {source.folder} gives its images no class")
    if strange := named - set(plan.labels):
        raise DatasetError(f"{where}: class {min(strange)!r} of {source.folder} is not in labels")


def _images(source: Source, sources: Path, images: Path) -> Iterator[_Image]:
    """Put a source's images in place."""
    if source.pages:
        yield from _drawn_pages(source, images)
        return
    folder = sources / source.folder
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; the plan asks for it")
    if source.volumes:
        yield from _of_volumes(source, folder, images)
        return
    if source.layout or source.images:
        found = _of_layout(source, folder) if source.layout else _of_files(source, folder)
        for path, patient, view, label in _spread(list(found), source.at_most):
            yield _copied(source, path, images, patient=patient, view=view, label=label)
        return
    _, rows = read_table(folder / TABLE, [name for name in (source.column, source.patient) if name])
    wanted = [(row, label) for _, row in rows if (label := _label(source, row))]
    for row, label in _spread(wanted, source.at_most):
        file = f"{source.folder}-{row['file']}".replace("/", "-")
        path = image_path(folder / "images", row["file"])
        if not path.is_file():
            raise DatasetError(f"{path}: named in {TABLE} but missing; restore it")
        shutil.copyfile(path, images / file)
        yield _Image(
            file=file,
            patient=f"{source.folder}/{row[source.patient] if source.patient else file}",
            view=_VIEWS.get(row.get("view", ""), View.UNKNOWN),
            label=label,
            source=source.folder,
            only=source.only,
            copies=source.copies,
        )


def _varied_copies(one: _Image, images: Path) -> Iterator[_Image]:
    """Copies of an image that are varied by lot, the same ones each time."""
    if not one.copies:
        return
    picture = cv2.imread(str(images / one.file), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise DatasetError(f"{images / one.file}: not an image that OpenCV can read; restore it")
    lot = _lot(one.file)
    for number in range(one.copies):
        file = f"{Path(one.file).stem}-varied-{number}.png"
        cv2.imwrite(str(images / file), varied(np.asarray(picture, dtype=np.uint8), lot))
        yield replace(one, file=file, copies=0)


def _drawn_pages(source: Source, images: Path) -> Iterator[_Image]:
    lot = _lot(source.folder)
    for number in range(source.pages):
        file = f"{source.folder}-{number:03}.png"
        cv2.imwrite(str(images / file), page(lot))
        yield _Image(
            file=file,
            patient=f"{source.folder}/{file}",
            view=View.UNKNOWN,
            label=source.label,
            source=source.folder,
            only=source.only,
        )


def _lot(name: str) -> np.random.Generator:
    """Draws that follow from a name alone."""
    return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big"))


def _of_layout(source: Source, folder: Path) -> Iterator[tuple[Path, str, View, str]]:
    """Images of a set as it is distributed, each with its patient, view and class."""
    if source.layout not in READERS:
        raise DatasetError(
            f"source {source.folder}: layout {source.layout!r} is unknown; known are "
            f"{', '.join(READERS)}"
        )
    dataset = READERS[source.layout](folder)
    for item in dataset.items:
        named = [source.values[name] for name in sorted(item.labels) if name in source.values]
        label = named[0] if named else ("" if source.values else source.label)
        if label:
            path = image_path(folder / dataset.image_root, item.file)
            yield path, f"{source.folder}/{item.patient_id}", item.view, label


def _of_files(source: Source, folder: Path) -> Iterator[tuple[Path, str, View, str]]:
    """Images without a table, each a patient of its own."""
    paths = sorted(folder.glob(source.images))
    if not paths:
        raise DatasetError(f"{folder}: no image {source.images}; the plan asks for some")
    for path in paths:
        yield path, str(path.relative_to(folder.parent)), View.UNKNOWN, source.label


def _copied(
    source: Source, path: Path, images: Path, *, patient: str, view: View, label: str
) -> _Image:
    """One image in place, by a name that says its source and is no other's."""
    digest = hashlib.sha256(f"{patient}/{path.name}/{path.parent}".encode()).hexdigest()[:12]
    file = f"{source.folder}-{path.stem}-{digest}{path.suffix}".replace(" ", "_")
    if not path.is_file():
        raise DatasetError(f"{path}: named by the set's tables but missing; restore it")
    shutil.copyfile(path, images / file)
    return _Image(
        file=file,
        patient=patient,
        view=view,
        label=label,
        source=source.folder,
        only=source.only,
        copies=source.copies,
    )


def _of_volumes(source: Source, folder: Path, images: Path) -> Iterator[_Image]:
    found = [folder] if source.volumes == "." else sorted(folder.glob(source.volumes))
    if not found:
        raise DatasetError(f"{folder}: no volume {source.volumes}; the plan asks for some")
    for path in found:
        name = f"{source.folder}-{path.name.split('.')[0]}"
        volume = read_volume(path)
        lot = _lot(name)
        by_lot = (varied(each, lot) for each in drawn_pictures(volume, source.by_lot, lot))
        for number, picture in enumerate(chain(pictures(volume), by_lot)):
            file = f"{name}-{number:03}.png"
            cv2.imwrite(str(images / file), picture)
            yield _Image(
                file=file,
                patient=name,
                view=View.UNKNOWN,
                label=source.label,
                source=source.folder,
                only=source.only,
            )


def _label(source: Source, row: Row) -> str:
    return source.values.get(row[source.column], "") if source.column else source.label


def _spread(rows: Sequence[Found], at_most: int) -> list[Found]:
    if not at_most or len(rows) <= at_most:
        return list(rows)
    return [rows[at] for at in np.linspace(0, len(rows) - 1, at_most).astype(int)]
