"""What an X-ray image is for: processing, or presentation (PS3.3 C.8.11.1.1.1)."""

import re

from pydicom.uid import (
    UID,
    DigitalIntraOralXRayImageStorageForProcessing,
    DigitalMammographyXRayImageStorageForProcessing,
    DigitalXRayImageStorageForProcessing,
)

FOR_PROCESSING, FOR_PRESENTATION = "FOR PROCESSING", "FOR PRESENTATION"

_RAW_CLASSES: frozenset[UID] = frozenset(
    {
        DigitalIntraOralXRayImageStorageForProcessing,
        DigitalMammographyXRayImageStorageForProcessing,
        DigitalXRayImageStorageForProcessing,
    }
)


def presentation_intent(sop_class_uid: str, stated: str | None) -> str:
    """Return what an image is for, by its SOP class or else by Presentation Intent Type.

    Case, blanks and what stands between the words do not count.
    """
    if sop_class_uid in _RAW_CLASSES:
        return FOR_PROCESSING
    return " ".join(re.findall(r"[^\W_]+", (stated or "").upper()))
