"""Who makes the evidence, when, and where it sorts in the study."""

from dataclasses import dataclass
from datetime import datetime

from sr_templates.errors import EvidenceError
from sr_templates.rendition import PLAIN, Rendition


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceContext:
    """The node's identity and choices that every evidence object of one run shares.

    Parameters
    ----------
    manufacturer, model_name, software_version, device_serial_number
        The node as General Equipment (PS3.3 C.7.5.1): the equipment that creates the objects.
    content_datetime
        When the content was made; aware. It is written in its own time zone, or in the study's
        where the source states one (Timezone Offset From UTC). Nothing here reads a clock.
    institution_name
        The institution that operates the node, where it is known.
    series_number_base
        First of a block of series numbers, high enough that results sort after the images.
    max_overlay_side
        The longest side of an overlay in pixels, captions included.
    rendition
        How what people look at is written and drawn.
    """

    manufacturer: str
    model_name: str
    software_version: str
    device_serial_number: str
    content_datetime: datetime
    institution_name: str | None = None
    series_number_base: int = 9000
    max_overlay_side: int = 1280
    rendition: Rendition = PLAIN

    def __post_init__(self) -> None:
        if self.content_datetime.tzinfo is None:
            raise EvidenceError("content_datetime must be aware: give it a time zone")
        if self.series_number_base < 1:
            raise EvidenceError("series_number_base must be at least 1")
        if self.max_overlay_side < MIN_OVERLAY_SIDE:
            raise EvidenceError(f"max_overlay_side must be at least {MIN_OVERLAY_SIDE} pixels")


MIN_OVERLAY_SIDE = 512
