"""What every model that looks at single radiographs does alike: guard, calibrate, gather."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from ai_engine.inference.input_channels import ChannelSource, channel_remarks, require_sources
from ai_engine.kinds.deciding import (
    Calibration,
    calibration_of,
    names_of,
    uncertain_remarks,
)
from ai_engine.kinds.guarding import Guard, TagsHint, guarded
from ai_engine.kinds.telling import keeping_boxes, reported_findings, telling_remarks
from ai_engine.library.card import ModelCard
from ai_engine.library.codes import require_codes
from ai_engine.prediction import Finding, ImagePrediction, Prediction, Refusal, Remark
from ai_engine.preprocessing.quality import image_quality
from ai_engine.preprocessing.radiograph import Radiograph

Made = TypeVar("Made")
Made_co = TypeVar("Made_co", covariant=True)

Case = tuple[Radiograph, ...]
"""The images that are judged together; the first is the one that a verdict is on."""


class RadiographPredictor(Protocol[Made_co]):
    """Analyses the radiographs of a study. Safe to call from several threads."""

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        ...

    @property
    def guard(self) -> Guard:
        """What decides which images the model may see."""
        ...

    def predict(
        self,
        radiographs: Sequence[Radiograph],
        *,
        refusals: Sequence[Refusal] = (),
        calibrations: Mapping[str, Calibration] | None = None,
        hints: Mapping[str, TagsHint] | None = None,
    ) -> Made_co:
        """Analyse the images of one study; ``refusals`` of those that couldn't be read go along."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """What a model may see of a study: cases to judge, and the images that it must not."""

    cases: tuple[Case, ...]
    refused: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a model says of one case: findings on its images, and what a reader must know.

    ``parameters`` are those of `Prediction`, which says each of them once.
    """

    images: tuple[ImagePrediction, ...]
    remarks: tuple[Remark, ...] = ()
    parameters: tuple[str, ...] = ()


class GuardedPredictor(ABC, Generic[Made]):
    """A model behind its guard. A kind says what is made of what passes.

    Build it once; it is safe to call from several threads.
    """

    def __init__(
        self, card: ModelCard, *, guard: Guard, channels: Sequence[ChannelSource] = ()
    ) -> None:
        """Put card and guard together.

        Parameters
        ----------
        card
            The model's card.
        guard
            Decides which images the model may see.
        channels
            What makes the channels that the card names beside the radiograph.

        Raises
        ------
        ModelFolderError
            If the channels are not the card's.
        """
        require_sources(card, channels)
        self._card = card
        self._guard = guard
        self._channels = tuple(channels)

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self._card

    @property
    def guard(self) -> Guard:
        """What decides which images the model may see."""
        return self._guard

    def predict(
        self,
        radiographs: Sequence[Radiograph],
        *,
        refusals: Sequence[Refusal] = (),
        calibrations: Mapping[str, Calibration] | None = None,
        hints: Mapping[str, TagsHint] | None = None,
    ) -> Made:
        """Analyse the images of one study.

        Parameters
        ----------
        radiographs
            The images that could be read.
        refusals
            Those that couldn't; they are handed on.
        calibrations
            The calibration of each image's device, by SOP Instance UID; the model's own thresholds
            decide those that are not named.
        hints
            What the attributes say about an image, by SOP Instance UID.

        Returns
        -------
        Made
            What the kind makes of the images that the guard passes, and refusals of the others, in
            their order.
        """
        found = self._sorted(radiographs, hints)
        chosen = [calibration_of(case[0], calibrations) for case in found.cases]
        return self._made(found.cases, chosen, (*refusals, *found.refused))

    def _sorted(
        self, radiographs: Sequence[Radiograph], hints: Mapping[str, TagsHint] | None
    ) -> Sorted:
        """Each image that the guard passes is a case of its own."""
        passed, refused = guarded(self._guard, radiographs, hints)
        return Sorted(cases=tuple((each,) for each in passed), refused=refused)

    @abstractmethod
    def _made(
        self,
        cases: Sequence[Case],
        calibrations: Sequence[Calibration],
        refusals: tuple[Refusal, ...],
    ) -> Made:
        """The result of a study, from what passed and how each case is decided."""


class FindingPredictor(GuardedPredictor[Prediction]):
    """A model that reports findings. A kind says what it finds in one case (`_judge`).

    What results name are the card's reported labels (`ai_engine.library.earned`).
    """

    def __init__(
        self, card: ModelCard, *, guard: Guard, channels: Sequence[ChannelSource] = ()
    ) -> None:
        """Put card and guard together; parameters are those of `GuardedPredictor`.

        Raises
        ------
        ModelFolderError
            If a label has no code: findings can't be reported without. Or if the channels are not
            the card's.
        """
        require_codes(card)
        super().__init__(card, guard=guard, channels=channels)

    def _made(
        self,
        cases: Sequence[Case],
        calibrations: Sequence[Calibration],
        refusals: tuple[Refusal, ...],
    ) -> Prediction:
        judged = [self._told(*each) for each in zip(cases, calibrations, strict=True)]
        images = _once(image for one in judged for image in one.images)
        return Prediction(
            model=self._card.identity,
            images=images,
            refusals=refusals,
            calibration=names_of(calibrations),
            parameters=tuple(dict.fromkeys(said for one in judged for said in one.parameters)),
            remarks=(
                *telling_remarks(self._card, images),
                *(
                    remark
                    for case, one in zip(cases, judged, strict=True)
                    for remark in (
                        *one.remarks,
                        *channel_remarks(self._channels, case[0].sop_instance_uid),
                    )
                ),
            ),
        )

    def _told(self, case: Case, calibration: Calibration) -> Judged:
        """What results name of what the model finds in one case."""
        judged = self._judge(case, keeping_boxes(self._card, calibration))
        images = tuple(
            replace(image, findings=reported_findings(self._card, image.findings, calibration))
            for image in judged.images
        )
        uncertain = (
            remark
            for image in images
            for remark in uncertain_remarks(self._card, image, calibration)
        )
        return replace(judged, images=images, remarks=(*judged.remarks, *uncertain))

    @abstractmethod
    def _judge(self, case: Case, calibration: Calibration) -> Judged:
        """What the model finds in the images of one case, for each of the card's labels."""


def on_image(radiograph: Radiograph, findings: Iterable[Finding]) -> ImagePrediction:
    """Findings on an image, with what its device made of it."""
    return ImagePrediction(
        sop_instance_uid=radiograph.sop_instance_uid,
        findings=tuple(findings),
        quality=radiograph.once(image_quality),
    )


def _once(images: Iterable[ImagePrediction]) -> tuple[ImagePrediction, ...]:
    """Each image with the first case that it was judged in: a lateral one goes with several."""
    first: dict[str, ImagePrediction] = {}
    for image in images:
        first.setdefault(image.sop_instance_uid, image)
    return tuple(first.values())
