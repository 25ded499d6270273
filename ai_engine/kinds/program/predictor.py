"""From files to findings and objects by a program: run, read, decided by the card."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from ai_engine.errors import BackendError, ModelFolderError
from ai_engine.kinds.boxes import cut
from ai_engine.kinds.deciding import Calibration, decided, names_of
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.program.result_file import (
    RESULT,
    Point,
    Told,
    ToldFinding,
    ToldImage,
    read_result,
)
from ai_engine.kinds.program.running import left_files, ran
from ai_engine.kinds.telling import keeping_boxes, reported_findings, telling_remarks
from ai_engine.library.card import CARD_NAME, Label, ModelCard
from ai_engine.library.codes import require_codes
from ai_engine.library.program import Program
from ai_engine.prediction import (
    Finding,
    FoundBox,
    HeatMap,
    ImagePrediction,
    MadeObject,
    Prediction,
    Refusal,
    RefusalReason,
    Region,
    Remark,
    RemarkKind,
)

LARGEST_OBJECTS = 96 * 1024**2
"""Bytes of all DICOM objects that a program makes of one study."""

GRID = 384
"""Cells along the longer side of what stands for polygons."""

_PREAMBLE = 128
_MAGIC = b"DICM"


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderImage:
    """A file that a program gets; ``rows`` and ``columns`` are 0 where the header names none."""

    sop_instance_uid: str
    path: Path
    rows: int
    columns: int


class FolderPredictor:
    """Runs a program on the files of a study."""

    def __init__(self, card: ModelCard, program: Program, *, guard: Guard, keep: Path) -> None:
        """Put the parts together.

        Raises
        ------
        ModelFolderError
            If a label has no code.
        """
        require_codes(card)
        self._card = card
        self._program = program
        self._guard = guard
        self._keep = keep

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    @property
    def guard(self) -> Guard:
        """What decides which radiographs the program may see."""
        return self._guard

    def predict(
        self,
        images: Sequence[FolderImage],
        calibrations: Mapping[str, Calibration],
        priors: Sequence[Path] = (),
    ) -> Prediction:
        """Run the program on the images of one study; ``priors`` are files of earlier ones.

        Raises
        ------
        BackendError
            If it fails, takes too long, or leaves what isn't a result.
        """
        known = {each.sop_instance_uid: each for each in images}
        labels = frozenset(label.name for label in self._card.labels)
        given = [each.path for each in images]
        with ran(self._program, given, keep=self._keep, priors=priors) as folder:
            files = left_files(folder)
            told = Told()
            if (folder / RESULT) in files:
                told = read_result(folder / RESULT, known=frozenset(known), labels=labels)
            objects = tuple(_objects(files))
        if not told.images and not told.refused and not objects:
            raise BackendError(f"the program left neither {RESULT} with an image nor DICOM objects")
        chosen = [calibrations.get(each.sop_instance_uid, Calibration()) for each in told.images]
        judged = tuple(
            self._judged(each, known[each.sop_instance_uid], calibration)
            for each, calibration in zip(told.images, chosen, strict=True)
        )
        version = f" version {told.version}" if told.version else ""
        return Prediction(
            model=self._card.identity,
            images=judged,
            refusals=tuple(
                Refusal(sop_instance_uid=uid, reason=RefusalReason.NOT_EXPECTED, detail=reason)
                for uid, reason in told.refused.items()
            ),
            calibration=names_of(chosen),
            remarks=(*telling_remarks(self._card, judged), *_measured(told)),
            parameters=(f"program {Path(self._program.command[0]).name}{version}",),
            objects=objects,
        )

    def _judged(
        self, told: ToldImage, image: FolderImage, calibration: Calibration
    ) -> ImagePrediction:
        by_label = {each.label: each for each in told.findings}
        found = [
            self._finding(label, by_label.get(label.name), image, calibration)
            for label in self._card.labels
        ]
        return ImagePrediction(
            sop_instance_uid=told.sop_instance_uid,
            findings=reported_findings(self._card, found, calibration),
        )

    def _finding(
        self,
        label: Label,
        told: ToldFinding | None,
        image: FolderImage,
        calibration: Calibration,
    ) -> Finding:
        kept = keeping_boxes(self._card, calibration)
        if told is None:
            return decided(self._card, label, 0.0, kept)
        boxes = tuple(self._within(each, image) for each in told.boxes)
        outlines = _outlined(told.polygons, image) if told.polygons else None
        return decided(self._card, label, told.probability, kept, heat_map=outlines, boxes=boxes)

    def _within(self, box: FoundBox, image: FolderImage) -> FoundBox:
        part = cut(box, rows=image.rows, columns=image.columns)
        if part is None:
            raise BackendError(f"the program's {RESULT}: has a box outside of its image")
        return part


def load(loading: Loading) -> FolderPredictor:
    """Take a program, and load the guard that the card names.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If the guard isn't there, or the card lacks what a program needs.
    """
    card = loading.card
    require_program(card, loading.cache)
    keep = loading.cache / f"program-{card.weights_digest[:32]}"
    return FolderPredictor(card, required_program(card), guard=loading.guard(), keep=keep)


def require_program(card: ModelCard, cache: Path) -> None:
    """Make sure that a card's program is there; it isn't run.

    Raises
    ------
    ModelFolderError
        If the card names none.
    BackendError
        If there is no such program on this machine.
    """
    del cache
    path = Path(required_program(card).command[0])
    if not path.is_file():
        raise BackendError(f"{path}: no such program; install it, or correct the card's command")


def required_program(card: ModelCard) -> Program:
    """What a card says that is run.

    Raises
    ------
    ModelFolderError
        If it doesn't say.
    """
    if card.program is None:
        raise ModelFolderError(
            f"{card.folder / CARD_NAME}: a {card.kind} needs a table [program]; correct the card"
        )
    return card.program


def _objects(files: Sequence[Path]) -> Iterator[MadeObject]:
    """The DICOM objects among what a program left, by their first bytes and not their names."""
    taken = 0
    for path in files:
        with path.open("rb") as stream:
            if stream.read(_PREAMBLE + len(_MAGIC))[_PREAMBLE:] != _MAGIC:
                continue
        taken += path.stat().st_size
        if taken > LARGEST_OBJECTS:
            raise BackendError(f"the program's objects have more than {LARGEST_OBJECTS} bytes")
        yield MadeObject(data=path.read_bytes())


def _measured(told: Told) -> Iterator[Remark]:
    for image in told.images:
        if image.measurements:
            yield Remark(
                kind=RemarkKind.MEASURED,
                sop_instance_uid=image.sop_instance_uid,
                detail=" ".join(each.words for each in image.measurements),
            )


def _outlined(polygons: Sequence[Sequence[Point]], image: FolderImage) -> HeatMap:
    """Polygons as a map that is 1 within and 0 outside of them, over the whole image."""
    if not (image.rows and image.columns):
        raise BackendError(f"the program's {RESULT}: outlines on what has no rows and columns")
    scale = GRID / max(image.rows, image.columns)
    rows, columns = (max(round(side * scale), 1) for side in (image.rows, image.columns))
    values = np.zeros((rows, columns), dtype=np.float32)
    factors = np.array([columns / image.columns, rows / image.rows])
    for polygon in polygons:
        # Cells have their centres at whole numbers here, and their edges there in pixels.
        corners = (np.array(polygon) * factors - 0.5).clip(-2 * GRID, 3 * GRID)
        cv2.fillPoly(values, [np.rint(corners * 16).astype(np.int32)], 1.0, shift=4)
    if not values.any():
        raise BackendError(f"the program's {RESULT}: has a polygon outside of its image")
    region = Region(left=0, top=0, right=image.columns, bottom=image.rows)
    return HeatMap(values=values, region=region)
