"""Whether low values are shown bright: Photometric Interpretation (PS3.3 C.7.6.3.1.2)."""

from types import MappingProxyType

from pydicom import Dataset

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.header_values import word
from ai_engine.preprocessing.image_pixel import ImagePixel

_COLOURS = frozenset(
    {
        *("PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"),
        *("YBR_PARTIAL_420", "YBR_PARTIAL_422"),
    }
)
_OF_SHAPE = MappingProxyType({"IDENTITY": "MONOCHROME2", "INVERSE": "MONOCHROME1"})
"""Presentation LUT Shape (2050,0020), which digital X-ray images state beside it."""

SHAPE = (
    "Presentation LUT Shape contradicts Photometric Interpretation, which was followed: dense "
    "tissue may be shown dark."
)


def read_polarity(dataset: Dataset, image: ImagePixel) -> tuple[bool, tuple[str, ...]]:
    """Whether an image is MONOCHROME1, and what its header gets wrong of it.

    Raises
    ------
    ImageRefusedError
        Photometric Interpretation is unknown, or it is missing and so is Presentation LUT Shape.
    """
    photometric = image.photometric
    meant = _OF_SHAPE.get(word(dataset, "PresentationLUTShape"))
    if photometric and photometric not in {"MONOCHROME1", "MONOCHROME2", *_COLOURS}:
        raise ImageRefusedError(
            RefusalReason.UNSUPPORTED_PHOTOMETRIC,
            "Photometric Interpretation is none of the Standard's; correct it at the sender",
        )
    if photometric:
        stated = str(dataset.get("PhotometricInterpretation")).strip(" \0")
        said = f"Photometric Interpretation is not spelt as it should be: read as {photometric}."
        corrections: tuple[str, ...] = () if stated == photometric else (said,)
        if meant is not None and photometric in _OF_SHAPE.values() and meant != photometric:
            corrections += (SHAPE,)
        return photometric == "MONOCHROME1", corrections
    if image.samples == 1 and meant is not None:
        said = f"Photometric Interpretation is missing: Presentation LUT Shape says it is {meant}."
        return meant == "MONOCHROME1", (said,)
    raise ImageRefusedError(
        RefusalReason.NO_PHOTOMETRIC,
        "nothing says whether dense tissue is bright or dark; correct it at the sender",
    )
