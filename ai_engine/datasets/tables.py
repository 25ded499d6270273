"""Tables as data sets come with them: read, and what is wrong with one named by file and line."""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

from ai_engine.errors import DatasetError
from ai_engine.prediction import Region

Row = Mapping[str, str]


def read_table(path: Path, needs: Iterable[str] = ()) -> tuple[list[str], list[tuple[int, Row]]]:
    """The columns of a CSV file, and its rows with their line numbers.

    Raises
    ------
    DatasetError
        If the file can't be read as a table, lacks a column of ``needs``, or a row has more or
        fewer fields than the first one names.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream)
            columns = next(reader, [])
            lines = [(reader.line_num, fields) for fields in reader if fields]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _unreadable(path, error) from error
    for name in needs:
        if name not in columns:
            raise DatasetError(f"{path}: column {name!r} is missing; download the table again")
    named = len(_without_empty_end(columns))
    for line, fields in lines:
        if not named <= len(fields) or len(_without_empty_end(fields)) > len(columns):
            raise DatasetError(
                f"{path}, line {line}: {len(fields)} fields, but the first line names {named}; "
                "correct this line"
            )
    return columns, [(line, dict(zip(columns, fields, strict=False))) for line, fields in lines]


def read_list(path: Path) -> list[str]:
    """The lines of a list of files, without blanks around them; what is empty stays empty.

    Raises
    ------
    DatasetError
        If the file can't be read as text.
    """
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def read_box(row: Row, names: tuple[str, str, str, str], where: str) -> Region:
    """The box whose left, top, width and height are in these columns.

    Raises
    ------
    DatasetError
        If one of them is no number.
    """
    try:
        left, top, width, height = (float(row[name]) for name in names)
    except ValueError as error:
        raise DatasetError(
            f"{where}: {error}; a box has four numbers: correct this line"
        ) from error
    return Region(left=left, top=top, right=left + width, bottom=top + height)


def _without_empty_end(fields: list[str]) -> list[str]:
    """Fields without the empty ones at the end: NIH's tables end their lines with commas."""
    last = max((at for at, field in enumerate(fields, start=1) if field), default=0)
    return fields[:last]


def _unreadable(path: Path, error: Exception) -> DatasetError:
    if isinstance(error, FileNotFoundError):
        return DatasetError(
            f"{path}: no such file; give the folder that holds it, as it is distributed"
        )
    reason = error.strerror if isinstance(error, OSError) else "not a table in UTF-8"
    return DatasetError(f"{path}: cannot be read ({reason}); download it again")
