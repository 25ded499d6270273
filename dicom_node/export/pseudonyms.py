"""Pseudonyms that stay the same from export to export, and cannot be traced without the key."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from dicom_node.configuration.keys import kept_key
from dicom_node.errors import ConfigurationError

_KEY_BYTES = 32
_SHIFT_DAYS = (365, 3650)


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """Replaces identifiers by keyed digests (HMAC-SHA-256); the same key gives the same ones."""

    key: bytes

    def patient(self, patient_key: str) -> str:
        """A patient's pseudonym, as Patient ID."""
        return f"P{self._digest('patient', patient_key)[:12].upper()}"

    def device(self, device_id: str) -> str:
        """A device's pseudonym: AE titles tell whose device it is."""
        return f"D{self._digest('device', device_id)[:8].upper()}"

    def uid(self, uid: str) -> str:
        """Another UID (PS3.5 B.2), the same one wherever this one is referenced."""
        return f"2.25.{int(self._digest('uid', uid)[:32], 16)}"

    def shift(self, patient_key: str) -> timedelta:
        """How far a patient's dates are moved back: one to ten years, whole days."""
        low, high = _SHIFT_DAYS
        number = int(self._digest("shift", patient_key)[:12], 16)
        return timedelta(days=low + number % (high - low))

    def share(self, patient_key: str) -> float:
        """A number between 0 and 1 that decides a patient's split."""
        return int(self._digest("split", patient_key)[:12], 16) / 16**12

    def _digest(self, kind: str, value: str) -> str:
        return hmac.new(self.key, f"{kind}\n{value}".encode(), hashlib.sha256).hexdigest()


def kept_pseudonyms(path: Path) -> Pseudonyms:
    """Read the key of pseudonyms, or make one that only this user may read.

    Whoever has the key can recognise patients in an export: it stays in the data folder.

    Raises
    ------
    ConfigurationError
        If the file holds no key of 32 bytes: anybody could compute pseudonyms that are made with
        an empty one.
    """
    text = kept_key(path, lambda: secrets.token_hex(_KEY_BYTES))
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigurationError(
            f"{path} is no key of {_KEY_BYTES} bytes in hexadecimal digits: restore the file, so "
            "that pseudonyms stay as they were; or move it away, and the next export makes a new "
            "key, with other pseudonyms."
        )
    return Pseudonyms(key)
