"""Localizers of CT (topograms, scouts): projections, but no radiographs.

They come as CT, and from some stations as CR, DX or Secondary Capture. A model for radiographs has
never seen one: rays fan in one direction only, and the table is in the picture.
"""

import re

from ai_engine.errors import ImageRefusedError
from ai_engine.library.card import ModelCard
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.body_region import BodyRegion
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.domain.header_words import regions_of
from dicom_node.domain.instance import InstanceHeader

LOCALIZER = "LOCALIZER"
"""Value 3 of Image Type (PS3.3 C.8.2.1.1.1)."""

_RADIOGRAPHY = frozenset({"CR", "DX", "RG", "XR", "MG", "PX", "IO"})

_OF_CT = re.compile(
    r"\b(topo|topogram\w*|scano|scanogram\w*|surview|scanoscope|übersichtsaufnahme ct|"
    r"топограмм\w*|скано\w*)\b",
    re.IGNORECASE,
)
_MOSTLY_OF_CT = re.compile(
    r"\b(scouts?|scouting view|"
    r"(?<!ai )pilot(?! (study|medical|exam\w*|licen[cs]e|project|program\w*))|"
    r"locali[sz]er\w*|localizador\w*|lokalizer\w*|lokalisator|скаут\w*|локалайзер\w*)\b",
    re.IGNORECASE,
)
"""Of a plain radiograph too, where it is of a limb, a breast or the abdomen: a scout film before
contrast agent is given, a view to localise a foreign body or a needle."""


def is_localizer(header: InstanceHeader) -> bool:
    """Whether a header calls its image a localizer of CT, by type or by description."""
    described = " ".join(
        filter(None, (header.series_description, header.protocol_name)),
    ).replace("_", " ")
    if _OF_CT.search(described):
        return True
    if _is_radiograph_elsewhere(header):
        return False
    is_typed = LOCALIZER in {each.strip().upper() for each in header.image_type}
    return is_typed or bool(_MOSTLY_OF_CT.search(described))


def _is_radiograph_elsewhere(header: InstanceHeader) -> bool:
    """Whether a header calls its image a radiograph, and of other than the chest.

    Localizer is a word of CT: in Image Type of a radiograph of a hand it has no such meaning. What
    is sent as a chest is doubtful enough to be left alone.
    """
    regions = regions_of(header)
    modality = (header.modality or "").strip().upper()
    return modality in _RADIOGRAPHY and bool(regions) and BodyRegion.CHEST not in regions


def refuse_localizer(header: InstanceHeader, card: ModelCard) -> None:
    """Refuse a localizer, unless the model's card says that it is for CT.

    Raises
    ------
    ImageRefusedError
        When the header calls the image one.
    """
    if "CT" not in card.modalities and is_localizer(header):
        raise ImageRefusedError(
            RefusalReason.LOCALIZER, "the header calls it a localizer, topogram or scout"
        )


def refuse_traces_of_ct(image: Radiograph, card: ModelCard) -> None:
    """Refuse what is sent as a radiograph and has a header of CT, unless the card is for CT.

    Raises
    ------
    ImageRefusedError
        When the header has values that only CT has.
    """
    if "CT" not in card.modalities and image.has_traces_of_ct:
        raise ImageRefusedError(
            RefusalReason.LOCALIZER,
            "the header has values that only CT has: geometry, kernel or HU",
        )
