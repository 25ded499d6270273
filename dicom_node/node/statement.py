"""How statements are written: Markdown of PS3.2's sections and tables."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from pydicom.uid import UID

# What PS3.6 names, and the dictionary does not know yet; and one that is a manufacturer's own.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage",
        "1.2.840.10008.5.1.4.1.1.66.8": "Height Map Segmentation Storage",
        "1.2.840.10008.5.1.4.1.1.9.100.1": "Waveform Presentation State Storage",
        "1.2.840.10008.5.1.4.1.1.9.100.2": "Waveform Acquisition Presentation State Storage",
        "1.2.840.113619.5.2": "Implicit VR Little Endian, pixels in big endian (private, GE)",
    }
)


def title(level: int, words: str) -> tuple[str, str, str]:
    """Return the lines of a heading."""
    return "", f"{'#' * level} {words}", ""


def uids(of: Iterable[str]) -> Iterator[str]:
    """Yield a table of names and UIDs."""
    yield from table(("Name", "UID"), sorted((name(uid), f"`{uid}`") for uid in of))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table."""
    yield ""
    for row in (headings, ["---"] * len(headings), *rows):
        cells = (cell.replace("\n", " ").replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"


def statuses(meanings: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield a table of codes and what they mean."""
    yield from table(("Code", "Meaning"), [(code(status), words) for status, words in meanings])


def code(status: int) -> str:
    """Return a status as the Standard writes it."""
    return f"0x{status:04X}"


def name(uid: str) -> str:
    """Name a UID as PS3.6 does."""
    return _NAMES.get(uid) or str(UID(uid).name)
