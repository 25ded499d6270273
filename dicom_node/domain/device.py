"""Devices: which equipment acquired an image (paper 1, section IV: the information D)."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from dicom_node.domain.instance import ReceivedInstance

_SLUG_LENGTH = 24

FAMILY = "="
"""What the names of all devices of one model begin with; no device's own name does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One piece of equipment: AE titles are shared, so they alone do not name one.

    ``manufacturer`` is (0008,0070), ``model_name`` (0008,1090), ``serial_number`` (0018,1000);
    what a source leaves out is empty.
    """

    calling_ae: str
    manufacturer: str = ""
    model_name: str = ""
    serial_number: str = ""

    @property
    def device_id(self) -> str:
        """A stable name of 8 to 33 characters, fit for folders, URLs and metrics.

        The words are for people; the digest at the end is what tells two devices apart.
        """
        identity = (self.calling_ae, self.manufacturer, self.model_name, self.serial_number)
        digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()[:8]
        words = _slug(f"{self.calling_ae} {self.model_name or self.manufacturer}")
        return f"{words}-{digest}" if words else digest

    @property
    def family_id(self) -> str:
        """What all devices of its manufacturer and model are called together; "" where unknown.

        Model and manufacturer are compared without regard to case and spaces, which differ by who
        has installed a device.
        """
        if not self.model_name:
            return ""
        words = _slug(f"{self.manufacturer} {self.model_name}")
        plain = "".join(f"{self.manufacturer}\n{self.model_name}".casefold().split(" "))
        return f"{FAMILY}{words}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"

    @property
    def title(self) -> str:
        """What people call it: AE title, manufacturer and model."""
        return " ".join(
            part for part in (self.calling_ae, self.manufacturer, self.model_name) if part
        )


def device_of(instance: ReceivedInstance) -> Device:
    """Return the device that an instance came from."""
    header = instance.header
    return Device(
        calling_ae=instance.calling_ae.strip(),
        manufacturer=_tidy(header.manufacturer),
        model_name=_tidy(header.manufacturer_model_name),
        serial_number=_tidy(header.device_serial_number),
    )


def _tidy(text: str | None) -> str:
    return " ".join((text or "").split())[:64]


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_SLUG_LENGTH].rstrip("-")
