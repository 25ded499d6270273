"""Bodies in JSON (RFC 8259), as strictly as the DICOM JSON Model (PS3.18 Annex F) needs them."""

import json
from typing import Any, NoReturn

_SURROGATES = (b"\\ud", b"\\uD")


def read_json(body: bytes | bytearray) -> Any:
    """Return what a body says.

    Raises
    ------
    ValueError
        It is no JSON in UTF-8; or it holds NaN or Infinity, which Python reads and JSON has not,
        or halves of a character, which no value of DICOM can hold.
    RecursionError
        It is nested deeper than anything real.
    """
    found = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse)
    if any(each in body for each in _SURROGATES):
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    return found


def _refuse(_name: str) -> NoReturn:
    raise ValueError("no number of JSON")
