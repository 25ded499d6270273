"""Models of radiographs: loaded, run on images of the archive, their findings kept to the lungs."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial

from ai_engine.errors import AiEngineError, ImageRefusedError, ServiceAwayError
from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.guarding import TagsHint
from ai_engine.kinds.likeness import Likeness, likeness_remarks, read_likeness
from ai_engine.kinds.limits import age_remarks, refused_by_age
from ai_engine.kinds.locating import LungPlaces, located
from ai_engine.kinds.lungs.segmenter import LungFields, LungSegmenter
from ai_engine.kinds.predictor import RadiographPredictor
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.shipped import LUNG_MODEL
from ai_engine.kinds.wholeness import layout_remarks
from ai_engine.library.card import ModelCard
from ai_engine.prediction import ModelIdentity, Prediction, Refusal, Remark
from ai_engine.preprocessing.quality import image_quality
from ai_engine.preprocessing.radiograph import Radiograph, header_remarks
from ai_engine.preprocessing.view_position import LATERAL_VIEWS
from ai_engine.result import Result
from dicom_node.domain.header_words import view_of
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import is_radiograph
from dicom_node.errors import AwayError, NodeError
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.models.images import RadiographFiles, pixels_of
from dicom_node.models.loaded import LoadedModels
from dicom_node.models.localizers import refuse_localizer, refuse_traces_of_ct
from dicom_node.models.lungs import MOST_BESIDE, LungOutlines, OutlinedLungs
from dicom_node.models.parts import ModelParts, Versions

_LOG = logging.getLogger(__name__)


class RadiographModels:
    """Runs models of radiographs on received instances; safe to call from several threads."""

    def __init__(self, cards: ModelCards, parts: ModelParts, files: RadiographFiles) -> None:
        self._cards = cards
        self._parts = parts
        self._files = files
        self._predictors: LoadedModels[Versions, RadiographPredictor[Result]] = LoadedModels()
        self._likeness: LoadedModels[ModelIdentity, Likeness | None] = LoadedModels()
        self._lungs = LungOutlines(self._lung_segmenter)
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="quality")

    def load(self, model: ModelIdentity) -> None:
        """Load a model, so that nothing waits for it later.

        Raises
        ------
        ModelUnavailableError
        """
        self._predictor(model)

    def predict(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        calibrations: Mapping[str, Calibration],
    ) -> Result:
        """Run a model on images; those that cannot be read are refused, each by reason.

        Raises
        ------
        AwayError
            When what runs the model elsewhere is away.
        ModelUnavailableError
            When the model cannot be loaded, or fails.
        """
        predictor = self._predictor(model)
        exposures = self._files.exposures(instances)
        images: list[Radiograph] = []
        refusals: list[Refusal] = []
        taken = 0
        for instance in exposures.analysed:
            try:
                refuse_localizer(instance.header, predictor.card)
                taken += pixels_of(instance, taken)
                image = self._files.radiograph(instance)
                refuse_traces_of_ct(image, predictor.card)
                images.append(image)
            except ImageRefusedError as error:
                refusals.append(error.as_refusal(instance.sop_instance_uid))
        images, too_young = refused_by_age(predictor.card, images)
        for image in images[:MOST_BESIDE]:
            self._beside.submit(image.once, image_quality)
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

    def lungs(self, instance: ReceivedInstance) -> LungFields | None:
        """Outline the lungs on an analysed image; None, and a word in the log, where none can."""
        lungs = self._outlined(instance)
        return lungs.outline.fields() if lungs else None

    def _predictor(self, model: ModelIdentity) -> RadiographPredictor[Result]:
        card = self._cards.card(model)
        key = self._parts.key(model, card)
        return self._predictors.get(key, lambda: self._loaded(model, card))

    def _loaded(self, model: ModelIdentity, card: ModelCard) -> RadiographPredictor[Result]:
        if card.identity != model:
            raise ModelUnavailableError(
                f"model {model.key} is not installed any more: its folder now holds "
                f"{card.identity.key}; send the study again to have that one."
            )
        try:
            predictor: RadiographPredictor[Result] = part(card, Part.PREDICTOR)(
                self._parts.loading(card)
            )
        except AiEngineError as error:
            raise ModelUnavailableError(str(error)) from error
        _LOG.info("model loaded model=%s", model.key)
        return predictor

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
            shown = self._files.radiograph(instance)
            yield from layout_remarks(
                instance.sop_instance_uid,
                lungs.coarse.image_left,
                lungs.coarse.image_right,
                shown.pixels,
                shown.content,
            )

    def _outlined(self, instance: ReceivedInstance) -> OutlinedLungs | None:
        if _is_lateral(instance):
            return None
        try:
            return self._lungs.of(instance.path, self._files.radiograph(instance))
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
        segmenter: LungSegmenter = self._parts.helper(Part.OUTLINES, self._cards.active(LUNG_MODEL))
        return segmenter


def _hint(instance: ReceivedInstance) -> TagsHint:
    """What the guard may trust of the tags: a radiograph's modality is its SOP class's."""
    header = instance.header
    return TagsHint(
        modality=None if is_radiograph(instance) else header.modality,
        is_lateral=_is_lateral(instance),
    )


def _is_lateral(instance: ReceivedInstance) -> bool:
    return view_of(instance.header) in LATERAL_VIEWS
