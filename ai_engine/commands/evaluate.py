"""What ``dicom-node models evaluate`` does. No TensorFlow: the model runs as it is served."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from ai_engine.datasets.cxr import Split
from ai_engine.datasets.layouts import AUTO
from ai_engine.inference.backend import Backend
from ai_engine.kinds.evaluating import Evaluation, Report, layout_for, record_metrics
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry


def evaluate(
    *,
    card: ModelCard,
    data: Path,
    out: Path,
    cache: Path,
    split: str = "test",
    layout: str = AUTO,
    record: bool = False,
    objects: Path | None = None,
    backend: Backend | None = None,
    registry: ModelRegistry | None = None,
    console: Console | None = None,
    authorization: Mapping[str, str] | None = None,
) -> Report:
    """Measure a chest model, a detector or a guard on one split; a lung model on a folder's masks.

    Parameters
    ----------
    card
        The model.
    data
        Folder of a data set (`ai_engine.datasets.layouts`), or of images with masks of their lungs
        (`ai_engine.kinds.lungs.dataset`).
    out
        Where ``report.json`` goes, and a chest model's ``roc.png``, ``precision_recall.png``,
        ``calibration.png`` and ``confusion.png``, and ``paper_table.json`` where a paper's recipe
        made it; ``classes.json`` of classes that exclude each other; or a lung model's
        ``outlines.png`` and ``masks.csv``.
    cache
        Folder for the model's OpenVINO form.
    split
        ``train``, ``valid`` or ``test``.
    layout
        The data set's layout; ``auto`` is the one that the card names, or looks at its tables.
    record
        Whether to put the figures into the model's card, in place of older ones of the split.
    objects
        Folder of DICOM files that a guard is asked about one by one; ``objects.json`` has its
        answers.
    backend
        Runs the model instead of OpenVINO in float32.
    registry
        Where the models are that make another model's channels; the shipped ones without it.
    console
        Where progress and the table are shown; None shows nothing.

    authorization
        What services are told of who asks, by endpoint.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, DatasetError
        If the model, one that makes its channels, or the data can't be used as they are.
    """
    measure = part(card, Part.EVALUATION)
    out.mkdir(parents=True, exist_ok=True)
    asked = Evaluation(
        loading=Loading(
            card=card,
            registry=registry or ModelRegistry(),
            cache=cache,
            authorization=authorization or {},
        ),
        data=data,
        out=out,
        split=Split(split),
        layout=layout_for(card, layout),
        objects=objects,
        given=backend,
        console=console,
    )
    report: Report = measure(asked)
    report.write(out / "report.json")
    if record:
        record_metrics(card, report)
    asked.say(*report.shown())
    return report
