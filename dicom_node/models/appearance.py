"""A second look: what the guard sees in an image whose tags are missing or doubtful."""

import threading
from collections.abc import Callable
from pathlib import Path

from pydicom import Dataset
from pydicom.errors import InvalidDicomError

from ai_engine.errors import AiEngineError, ImageRefusedError, InflatesTooFarError
from ai_engine.kinds.guarding import OVERRULING, Guard, Seen
from ai_engine.kinds.loading import Loading
from ai_engine.library.card import ModelCard
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.decoding import DECODING_ERRORS
from ai_engine.preprocessing.header_values import word
from ai_engine.preprocessing.radiograph import Radiograph, read_radiograph
from dicom_node.archive.object_file import read_object
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import AppearanceCheck, is_radiograph
from dicom_node.models.cards import ModelCards, ModelUnavailableError


def look_at(
    guard: Guard, instance: ReceivedInstance, path: Path, read: Callable[[], Radiograph]
) -> AppearanceCheck:
    """Let the guard say what an instance shows; ``read`` decodes the file at ``path``.

    A result that another system has drawn is not looked at: it shows a chest, but is none.
    """
    try:
        image = read()
        if not is_radiograph(instance) and _is_drawn(path):
            return AppearanceCheck(words="an image derived from others")
    except ImageRefusedError as error:
        return AppearanceCheck(words=error.detail)
    try:
        guard.check(image, least=OVERRULING)
    except ImageRefusedError as error:
        return _instead(guard.seen(image), guard, error)
    return AppearanceCheck(body_part=guard.body_part, words=guard.sought)


def _instead(seen: Seen | None, guard: Guard, error: ImageRefusedError) -> AppearanceCheck:
    """What an image shows that a guard refuses; of the guard's own part, only that it does."""
    words = error.detail.removeprefix("looks like: ")
    if seen is None or seen.body_part == guard.body_part:
        return AppearanceCheck(words=words)
    return AppearanceCheck(body_part=seen.body_part, words=seen.words, is_typed=True)


def read_image(path: Path) -> Radiograph:
    """Decode a file.

    Raises
    ------
    ImageRefusedError
        When it holds nothing that a model could look at.
    ModelUnavailableError
        When it cannot be read.
    """
    return read_radiograph(_read(path))


def read_attributes(path: Path) -> Dataset:
    """Read a file's attributes without its pixels; none where it is damaged.

    Raises
    ------
    ModelUnavailableError
        When it is gone.
    """
    try:
        return _read(path, pixels=False)
    except ImageRefusedError:
        return Dataset()


def _read(path: Path, *, pixels: bool = True) -> Dataset:
    try:
        return read_object(path, stop_before_pixels=not pixels)
    except InflatesTooFarError as error:
        raise ImageRefusedError(RefusalReason.TOO_LARGE, str(error)) from error
    except InvalidDicomError as error:
        raise ImageRefusedError(
            RefusalReason.UNDECODABLE, "the file is not a DICOM object"
        ) from error
    except OSError as error:
        raise ModelUnavailableError(
            f"{path} cannot be read ({error.strerror}): was it removed from the archive?"
        ) from error
    except DECODING_ERRORS as error:
        raise ImageRefusedError(
            RefusalReason.UNDECODABLE, "the file is damaged; send it again"
        ) from error


class FileGuard:
    """The guards of active models, for files that are not in the archive; loaded when asked."""

    def __init__(self, cards: ModelCards, *, cache: Path) -> None:
        self._cards = cards
        self._cache = cache
        self._guards: dict[str, Guard] = {}
        self._loading = threading.Lock()

    def look(self, path: Path, instance: ReceivedInstance, model: str) -> AppearanceCheck:
        """Say what a file shows to the guard of a model.

        Raises
        ------
        ModelUnavailableError
            When the guard, or the file, cannot be used.
        """
        with self._loading:
            if model not in self._guards:
                self._guards[model] = self._loaded(self._cards.active(model))
        return look_at(self._guards[model], instance, path, lambda: read_image(path))

    def _loaded(self, card: ModelCard) -> Guard:
        loading = Loading(
            card=card,
            registry=self._cards.registry,
            versions=self._cards.versions,
            cache=self._cache,
        )
        try:
            return loading.guard()
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error


def _is_drawn(path: Path) -> bool:
    """Whether an image was made from others, or has something drawn into it."""
    header = _read(path, pixels=False)
    return "SourceImageSequence" in header or word(header, "BurnedInAnnotation") == "YES"
