"""Localizers of CT (topograms, scouts): projections, but no radiographs.

They come as CT, and from some stations as CR, DX or Secondary Capture. A model for radiographs has
never seen one: rays fan in one direction only, and the table is in the picture.
"""

import re

from ai_engine.errors import ImageRefusedError
from ai_engine.library.card import ModelCard
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.domain.instance import InstanceHeader

LOCALIZER = "LOCALIZER"
"""Value 3 of Image Type (PS3.3 C.8.2.1.1.1)."""

_WORDS = re.compile(
    r"\b(topo|topogram\w*|scouts?|scouting view|scano|scanogram\w*|surview|scanoscope|"
    r"(?<!ai )pilot(?! (study|medical|exam\w*|licen[cs]e|project|program\w*))|"
    r"locali[sz]er\w*|localizador\w*|lokalizer\w*|lokalisator|übersichtsaufnahme ct|"
    r"топограмм\w*|скаут\w*|скано\w*|локалайзер\w*)\b",
    re.IGNORECASE,
)


def is_localizer(header: InstanceHeader) -> bool:
    """Whether a header calls its image a localizer of CT, by type or by description."""
    if LOCALIZER in {each.strip().upper() for each in header.image_type}:
        return True
    described = " ".join(
        filter(None, (header.series_description, header.protocol_name)),
    )
    return bool(_WORDS.search(described.replace("_", " ")))


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
