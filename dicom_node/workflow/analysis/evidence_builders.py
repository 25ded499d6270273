"""Which template makes which kind of evidence, beside the report that lists the others.

Each function answers for one `EvidenceSubject`: what the kinds of that subject need of a source are
its parameters.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.ct.prediction import CtPrediction
from ai_engine.kinds.bones.prediction import BonePrediction
from ai_engine.kinds.lungs.segmenter import LungFields
from ai_engine.prediction import Prediction
from sr_templates.bone_images import build_bone_image
from sr_templates.context import EvidenceContext
from sr_templates.ct.encapsulated_report import build_ct_page
from sr_templates.ct.key_object_selection import build_key_slice_selection
from sr_templates.ct.secondary_capture import PixelsOf, build_key_slices
from sr_templates.ct.segmentation import build_ct_segmentation
from sr_templates.encapsulated_report import build_encapsulated_report
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.key_object_selection import build_key_object_selection
from sr_templates.lung_segmentation import build_lung_segmentation
from sr_templates.overlay import Draw, draw_overlays
from sr_templates.parametric_map import build_parametric_map
from sr_templates.presentation_state import build_presentation_state
from sr_templates.secondary_capture import build_overlays
from sr_templates.segmentation import build_segmentation

Builders = Mapping[EvidenceKind, Callable[[], Sequence[Dataset]]]


def builders_of_radiograph(
    prediction: Prediction,
    source: Dataset,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
    *,
    value_range: tuple[float, float],
    lungs: Callable[[], LungFields | None],
    draw: Draw = draw_overlays,
) -> Builders:
    """Return how each kind of evidence about one image is built.

    ``pixels`` are (rows, columns), 0 to 1 as displayed; ``source`` is the image's header;
    ``value_range`` are the values to show as black and white where the header states none;
    ``lungs`` outlines the lungs where a segmentation is wanted; ``draw`` draws overlays.
    """
    return {
        EvidenceKind.SC: lambda: build_overlays(prediction, source, pixels, context, draw=draw),
        EvidenceKind.SEG: lambda: [
            *build_segmentation(prediction, source, context),
            *_lung_segmentation(lungs(), source, context),
        ],
        EvidenceKind.PR: lambda: build_presentation_state(
            prediction, source, context, value_range=value_range
        ),
        EvidenceKind.PM: lambda: build_parametric_map(prediction, source, context),
        EvidenceKind.PDF: lambda: build_encapsulated_report(prediction, source, pixels, context),
    }


def builders_of_study(
    prediction: Prediction, sources: Sequence[Dataset], context: EvidenceContext
) -> Builders:
    """Return how each kind of evidence about a whole study is built."""
    return {EvidenceKind.KO: lambda: build_key_object_selection(prediction, sources, context)}


def builders_of_bones(
    prediction: BonePrediction,
    source: Dataset,
    pixels: npt.NDArray[np.float32],
    context: EvidenceContext,
) -> Builders:
    """Return how each kind of image without, or of nothing but, bones is built.

    ``pixels`` are (rows, columns), 0 to 1 as displayed; ``source`` is the image's header.
    """
    return {
        kind: partial(build_bone_image, kind, prediction, source, pixels, context)
        for kind in (EvidenceKind.SOFT, EvidenceKind.BONE)
    }


def builders_of_ct(
    prediction: CtPrediction,
    sources: Sequence[Dataset],
    pixels_of: PixelsOf,
    context: EvidenceContext,
) -> Builders:
    """Return how each kind of evidence about a CT study is built.

    ``pixels_of`` gives a slice as displayed: (rows, columns), 0 to 1.
    """
    return {
        EvidenceKind.SC: lambda: build_key_slices(prediction, sources, pixels_of, context),
        EvidenceKind.SEG: lambda: build_ct_segmentation(prediction, sources, context),
        EvidenceKind.PDF: lambda: build_ct_page(prediction, sources, pixels_of, context),
        EvidenceKind.KO: lambda: build_key_slice_selection(prediction, sources, context),
    }


def _lung_segmentation(
    lungs: LungFields | None, source: Dataset, context: EvidenceContext
) -> list[Dataset]:
    if lungs is None:
        return []
    return build_lung_segmentation(
        lungs.model, lungs.image_left, lungs.image_right, source, context
    )
