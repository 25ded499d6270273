"""The models that routes may name, loaded and run on objects of the archive."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.ct.display import shown_range
from ai_engine.errors import AiEngineError, ImageRefusedError, ServiceAwayError
from ai_engine.inference.choice import BackendChoice, BackendName
from ai_engine.inference.openvino_backend import Precision
from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.guarding import Guard, TagsHint
from ai_engine.kinds.kind import Reads
from ai_engine.kinds.likeness import Likeness, likeness_remarks, read_likeness
from ai_engine.kinds.limits import age_remarks, refused_by_age
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.locating import LungPlaces, located
from ai_engine.kinds.lungs.segmenter import LungFields, LungSegmenter
from ai_engine.kinds.predictor import RadiographPredictor
from ai_engine.kinds.registry import Part, kind_of, part
from ai_engine.kinds.shipped import GUARD_MODEL, LUNG_MODEL, guards_of
from ai_engine.kinds.triage.triage import TriageModel
from ai_engine.kinds.wholeness import layout_remarks
from ai_engine.library.card import ModelCard
from ai_engine.prediction import (
    ModelIdentity,
    Prediction,
    Refusal,
    RefusalReason,
    Remark,
    Triage,
)
from ai_engine.preprocessing.radiograph import Radiograph, header_remarks
from ai_engine.preprocessing.view_position import LATERAL_VIEWS
from ai_engine.result import Result
from dicom_node.archive.objects import DicomObjects
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.header_words import view_of
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import AppearanceCheck, is_radiograph
from dicom_node.errors import AwayError, NodeError
from dicom_node.models.appearance import look_at, read_attributes, read_image
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.models.ct import CtModels
from dicom_node.models.exposures import Exposures, exposures_of
from dicom_node.models.loaded import LoadedModels
from dicom_node.models.localizers import refuse_localizer, refuse_traces_of_ct
from dicom_node.models.lungs import MOST_BESIDE, LungOutlines, OutlinedLungs
from dicom_node.models.programs import ProgramModels
from dicom_node.models.seen import Seen, Sight
from dicom_node.models.services import authorization_for

_LOG = logging.getLogger(__name__)
NO_CALIBRATIONS: Mapping[str, Calibration] = MappingProxyType({})
# Decoded images that are kept between inference and the drawing of overlays.
_KEPT_IMAGES = 8
# Of one job, four bytes each: 32 radiographs of 8 million. No examination has as many.
_MOST_PIXELS = 2**28

_Versions = tuple[ModelIdentity, ...]


class ModelHost:
    """Runs models on received instances; safe to call from several threads."""

    def __init__(
        self,
        settings: NodeSettings,
        config_dir: Path,
        objects: DicomObjects,
    ) -> None:
        self._settings = settings
        self._objects = objects
        self._cards = ModelCards(config_dir, settings.models_dir)
        self._ct = CtModels(objects, cache=settings.cache_dir, threads=settings.inference.threads)
        self._programs = ProgramModels(objects, read=self._radiograph)
        self._predictors: LoadedModels[_Versions, RadiographPredictor[Result]] = LoadedModels()
        self._helpers: LoadedModels[tuple[Part, _Versions], Any] = LoadedModels()
        self._unloaded: dict[str, str] = {}
        self._lock = threading.Lock()
        self._looking = threading.Lock()
        self._images: OrderedDict[str, Radiograph] = OrderedDict()
        self._likeness: LoadedModels[ModelIdentity, Likeness | None] = LoadedModels()
        self._lungs = LungOutlines(self._lung_segmenter)
        self._seen = Seen()

    def load(self, names: Iterable[str]) -> None:
        """Load the active versions of models, so that the first study does not wait for it.

        One that cannot be loaded is named in the log: its own studies fail and say why, and what
        other models look at is received and analysed.
        """
        for name in names:
            try:
                self._load(self._cards.active(name))
                self._unloaded.pop(name, None)
            except NodeError as error:
                self._unloaded[name] = str(error)
                _LOG.error("model not loaded model=%s reason=%r", name, str(error))

    def unloaded(self) -> dict[str, str]:
        """Return which models could not be loaded, and why."""
        return dict(self._unloaded)

    def _load(self, card: ModelCard) -> None:
        match kind_of(card).reads:
            case Reads.CT_STUDY:
                self._ct.load(card)
            case Reads.FOLDER:
                self._programs.load(self._as_loading(card))
            case Reads.RADIOGRAPHS:
                self._predictor(card.identity)

    def identity(self, model: str) -> ModelIdentity:
        """Return which version of ``model`` is active now."""
        return self._cards.identity(model)

    def look(self, instance: ReceivedInstance) -> AppearanceCheck:
        """Let the guard say what an instance shows whose tags are missing or doubtful.

        Raises
        ------
        ModelUnavailableError
            When the guard, or the file, cannot be used.
        """
        guard = self._guard()
        path = self._objects.source_path(instance.path)
        # One at a time: routing has no slots, and a radiograph takes a hundred megabytes.
        with self._looking:
            return look_at(guard, instance, path, lambda: self._radiograph(instance))

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Triage | None:
        """Say how probably radiographs are not normal; None where no triage model is active.

        Raises
        ------
        ModelUnavailableError
            When the triage model, the guard or a file cannot be used.
        """
        if kind_of(self._cards.card(model)).reads is not Reads.RADIOGRAPHS:
            return None
        card = self._cards.active_with(Part.TRIAGE)
        if card is None:
            return None
        triage: TriageModel = self._helper(Part.TRIAGE, card)
        images: list[Radiograph] = []
        # One at a time, as with ``look``: what comes in at once has no slots yet.
        with self._looking:
            taken = 0
            for instance in self._exposures(instances).analysed:
                with suppress(ImageRefusedError):
                    taken += _pixels_of(instance, taken)
                    images.append(self._radiograph(instance))
            return triage.assess(images)

    def _guard(self) -> Guard:
        """The active chest guard, with the modules that have a veto."""
        guard: Guard = self._helper(Part.GUARD, self._cards.active(GUARD_MODEL))
        return guard

    def _helper(self, wanted: Part, card: ModelCard) -> Any:
        """A part of a model that helps others, loaded once for as long as it and its guard stay."""

        def load() -> Any:
            try:
                made = part(card, wanted)(self._as_loading(card))
            except AiEngineError as error:
                raise ModelUnavailableError(str(error)) from error
            _LOG.info("%s loaded model=%s", wanted.value, card.identity.key)
            return made

        return self._helpers.get((wanted, self._key(card.identity, card)), load)

    def _key(self, model: ModelIdentity, card: ModelCard) -> _Versions:
        """A model and what decides which images it sees, each in its active version."""
        guards = guards_of(card, self._cards.versions)
        return (model, *(self.identity(name) for name in guards))

    def _as_loading(self, card: ModelCard) -> Loading:
        inference = self._settings.inference
        return Loading(
            card=card,
            registry=self._cards.registry,
            versions=self._cards.versions,
            cache=self._settings.cache_dir,
            choice=BackendChoice(
                name=BackendName(inference.backend),
                precision=Precision(inference.precision),
                serving_url=inference.serving_url,
            ),
            threads=inference.threads or None,
            authorization=authorization_for(card, inference.credentials_file),
        )

    def predict(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        calibrations: Mapping[str, Calibration] = NO_CALIBRATIONS,
        priors: Sequence[ReceivedInstance] = (),
    ) -> Result:
        """Run ``model`` on ``instances``; images that cannot be read are refused, each by reason.

        A job keeps the version it was planned with, also when another one was promoted since.
        ``calibrations`` decide images by SOP Instance UID; the model's own thresholds the others.
        ``priors`` are images of earlier studies, for a program that wants them.

        Raises
        ------
        AwayError
            When what runs the model elsewhere is away.
        ModelUnavailableError
            When the model cannot be loaded, or fails.
        """
        card = self._cards.card(model)
        if (seen := self._seen.take(self._sight(model, card, instances, calibrations))) is not None:
            return seen
        match kind_of(card).reads:
            case Reads.CT_STUDY:
                return self._ct.predict(card, instances)
            case Reads.FOLDER:
                return self._programs.predict(
                    self._as_loading(card), instances, calibrations, priors
                )
            case Reads.RADIOGRAPHS:
                return self._predict_radiographs(model, instances, calibrations)

    def look_ahead(
        self,
        model: ModelIdentity,
        instance: ReceivedInstance,
        calibrations: Mapping[str, Calibration] = NO_CALIBRATIONS,
    ) -> None:
        """Look at a radiograph before anybody asks: what is found is kept for `predict`.

        Raises
        ------
        NodeError
            As `predict` does; it is asked again then.
        """
        card = self._cards.card(model)
        if kind_of(card).reads is Reads.RADIOGRAPHS:
            sight = self._sight(model, card, (instance,), calibrations)
            self._seen.keep(sight, self._predict_radiographs(model, (instance,), calibrations))

    def _sight(
        self,
        model: ModelIdentity,
        card: ModelCard,
        instances: Sequence[ReceivedInstance],
        calibrations: Mapping[str, Calibration],
    ) -> Sight:
        """All that a prediction follows from."""
        helpers = {*guards_of(card, self._cards.versions), LUNG_MODEL}
        return Sight(
            model=model,
            files=tuple((each.path, each.digest) for each in instances),
            versions=tuple(
                (name, self._cards.versions[name])
                for name in sorted(helpers)
                if name in self._cards.versions
            ),
            calibrations=dict(calibrations),
        )

    def _predict_radiographs(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        calibrations: Mapping[str, Calibration],
    ) -> Result:
        predictor = self._predictor(model)
        exposures = self._exposures(instances)
        images: list[Radiograph] = []
        refusals: list[Refusal] = []
        taken = 0
        for instance in exposures.analysed:
            try:
                refuse_localizer(instance.header, predictor.card)
                taken += _pixels_of(instance, taken)
                image = self._radiograph(instance)
                refuse_traces_of_ct(image, predictor.card)
                images.append(image)
            except ImageRefusedError as error:
                refusals.append(error.as_refusal(instance.sop_instance_uid))
        images, too_young = refused_by_age(predictor.card, images)
        if predictor.card.is_for_chests:
            self._begin_lungs(images, instances)
        try:
            prediction = predictor.predict(
                images,
                refusals=(*refusals, *too_young),
                calibrations=calibrations,
                hints={each.sop_instance_uid: _hint(each) for each in instances},
            )
        except ServiceAwayError as error:
            raise AwayError(f"model {model.key}: {error}") from error
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        if not isinstance(prediction, Prediction):
            return prediction
        analysed = [each for each in images if each.sop_instance_uid in prediction.analysed]
        remarked = replace(
            prediction,
            remarks=(
                *prediction.remarks,
                *header_remarks(images),
                *exposures.remarks,
                *(remark for each in analysed for remark in age_remarks(predictor.card, each)),
                *self._unlike(predictor.card, analysed, prediction),
            ),
        )
        return self._located(remarked, instances) if predictor.card.is_for_chests else remarked

    def _unlike(
        self, card: ModelCard, analysed: Sequence[Radiograph], prediction: Prediction
    ) -> tuple[Remark, ...]:
        """Say which images are unlike those that the model learned from, where that is known."""
        try:
            likeness = self._likeness.get(card.identity, lambda: read_likeness(card.folder))
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        measured = {each.sop_instance_uid: each.quality for each in prediction.images}
        return tuple(
            remark
            for each in analysed
            for remark in likeness_remarks(likeness, each, measured.get(each.sop_instance_uid))
        )

    def _located(self, prediction: Prediction, instances: Sequence[ReceivedInstance]) -> Prediction:
        """Keep the places of findings to the lungs, and say what lies outside of them."""
        by_uid = {each.sop_instance_uid: each for each in instances}

        def lungs_on(uid: str) -> LungPlaces | None:
            lungs = self._outlined(by_uid[uid])
            return LungPlaces(lungs.coarse.both, of=lungs.outline.shape) if lungs else None

        found = [
            located(image, partial(lungs_on, image.sop_instance_uid)) for image in prediction.images
        ]
        return replace(
            prediction,
            images=tuple(each.image for each in found),
            remarks=(
                *prediction.remarks,
                *(one for each in found for one in each.remarks),
                *(one for uid in sorted(prediction.analysed) for one in self._layout(by_uid[uid])),
            ),
        )

    def _layout(self, instance: ReceivedInstance) -> Iterator[Remark]:
        """Say where an analysed frontal chest shows no whole lungs, or the heart elsewhere."""
        if (lungs := self._outlined(instance)) is not None:
            shown = self._radiograph(instance)
            yield from layout_remarks(
                instance.sop_instance_uid,
                lungs.coarse.image_left,
                lungs.coarse.image_right,
                shown.pixels,
                shown.content,
            )

    def _exposures(self, instances: Sequence[ReceivedInstance]) -> Exposures:
        return exposures_of(
            instances, lambda each: read_attributes(self._objects.source_path(each.path))
        )

    def _predictor(self, model: ModelIdentity) -> RadiographPredictor[Result]:
        card = self._cards.card(model)
        key = self._key(model, card)
        return self._predictors.get(key, lambda: self._loaded(model, card))

    def _loaded(self, model: ModelIdentity, card: ModelCard) -> RadiographPredictor[Result]:
        if card.identity != model:
            raise ModelUnavailableError(
                f"model {model.key} is not installed any more: its folder now holds "
                f"{card.identity.key}; send the study again to have that one."
            )
        try:
            predictor: RadiographPredictor[Result] = part(card, Part.PREDICTOR)(
                self._as_loading(card)
            )
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        _LOG.info("model loaded model=%s", model.key)
        return predictor

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return an analysed image as displayed: (rows, columns), 0 to 1, bright is dense."""
        if instance.header.modality == "CT":
            return self._ct.display_pixels(instance, frame_number)
        return self._displayed(instance).pixels

    def value_range(self, instance: ReceivedInstance) -> tuple[float, float]:
        """Return the values, after the modality LUT, that show an analysed radiograph well."""
        if instance.header.modality == "CT":
            return shown_range()
        return self._displayed(instance).value_range

    def _displayed(self, instance: ReceivedInstance) -> Radiograph:
        """An image to be drawn: somebody else's program may have looked at what cannot be."""
        try:
            return self._radiograph(instance)
        except ImageRefusedError as error:
            raise ModelUnavailableError(
                f"an image of the result cannot be drawn: {error}"
            ) from error

    def lungs(self, instance: ReceivedInstance) -> LungFields | None:
        """Outline the lungs on an analysed image; None, and a word in the log, where none can."""
        lungs = self._outlined(instance)
        return lungs.outline.fields() if lungs else None

    def _outlined(self, instance: ReceivedInstance) -> OutlinedLungs | None:
        if _is_lateral(instance):
            return None
        try:
            return self._lungs.of(instance.path, self._radiograph(instance))
        except (AiEngineError, NodeError) as error:
            _LOG.warning("lungs not outlined reason=%r", str(error))
            return None

    def _begin_lungs(
        self, images: Sequence[Radiograph], instances: Sequence[ReceivedInstance]
    ) -> None:
        """Have the lungs outlined that a chest model's result needs, while it is being made."""
        by_uid = {each.sop_instance_uid: each for each in instances}
        for image in images[:MOST_BESIDE]:
            if (one := by_uid.get(image.sop_instance_uid)) and not _is_lateral(one):
                with suppress(AiEngineError, NodeError):  # said where the lungs are asked for
                    self._lungs.begin(one.path, image)

    def _lung_segmenter(self) -> LungSegmenter | None:
        """The active one; None where no lung model is active."""
        if LUNG_MODEL not in self._cards.versions:
            return None
        segmenter: LungSegmenter = self._helper(Part.OUTLINES, self._cards.active(LUNG_MODEL))
        return segmenter

    def _radiograph(self, instance: ReceivedInstance) -> Radiograph:
        with self._lock:
            if instance.path in self._images:
                self._images.move_to_end(instance.path)
                return self._images[instance.path]
        image = read_image(self._objects.source_path(instance.path))
        with self._lock:
            self._images[instance.path] = image
            while len(self._images) > _KEPT_IMAGES:
                self._images.popitem(last=False)
        return image


def _pixels_of(instance: ReceivedInstance, taken: int) -> int:
    """How many pixels an instance states, beside those of the images before it.

    Raises
    ------
    ImageRefusedError
        If they are more together than are analysed at once.
    """
    pixels = (instance.header.rows or 0) * (instance.header.columns or 0)
    if taken + pixels > _MOST_PIXELS:
        raise ImageRefusedError(
            RefusalReason.TOO_LARGE,
            f"the study holds more than the {_MOST_PIXELS >> 20} million pixels that are analysed "
            "at once; send it in parts",
        )
    return pixels


def _hint(instance: ReceivedInstance) -> TagsHint:
    """What the guard may trust of the tags: a radiograph's modality is its SOP class's."""
    header = instance.header
    return TagsHint(
        modality=None if is_radiograph(instance) else header.modality,
        is_lateral=_is_lateral(instance),
    )


def _is_lateral(instance: ReceivedInstance) -> bool:
    return view_of(instance.header) in LATERAL_VIEWS
