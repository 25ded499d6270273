"""How a candidate stands, and whether its report speaks against its promotion."""

import json
from enum import StrEnum
from pathlib import Path

from ai_engine.errors import ModelFolderError

JSON_NAME = "comparison.json"
"""The report for programs, beside the card of a fine-tuned version."""


class Standing(StrEnum):
    """What the interval of the difference says of the candidate."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no difference shown"
    TOO_FEW = "too few cases"


def refusal(folder: Path) -> str:
    """Why the version in a folder is not to be promoted: its report's verdict; "" if it may.

    Raises
    ------
    ModelFolderError
        If there is a report that cannot be read.
    """
    path = folder / JSON_NAME
    if not path.is_file():
        return ""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        worse = any(row["standing"] == Standing.WORSE for row in table["results"])
        return str(table["verdict"]) if worse else ""
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{path}: not a report of a comparison ({error})") from error
