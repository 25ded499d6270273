"""A model that is a command: it gets a folder of DICOM and leaves another. Table ``[program]``."""

import re
from dataclasses import dataclass

INPUT, OUTPUT, PRIORS = "{input}", "{output}", "{priors}"
"""What stands in a command for the folders."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=[^\0\n]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is run, and what it may take.

    Attributes
    ----------
    command
        The program's absolute path and its arguments, given to it as they are: no shell reads them.
        ``{input}`` and ``{output}`` in an argument stand for the two folders.
    environment
        Variables, as ``NAME=value``. Nothing else of the node's own environment is handed on; a
        secret has no place on a card.
    timeout
        Seconds that a study may take.
    memory_bytes
        Address space of each of its processes; 0 for as much as there is.
    priors
        Whether it also gets images of the patient's earlier studies, in the folder ``{priors}``.
    """

    command: tuple[str, ...]
    environment: tuple[str, ...] = ()
    timeout: float = 120.0
    memory_bytes: int = 0
    priors: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be run, and limits that aren't (TypeError, ValueError)."""
        if not self.command or not all(isinstance(each, str) for each in self.command):
            raise ValueError("program.command is no list of a program and its arguments")
        if not self.command[0].startswith("/"):
            raise ValueError("program.command begins with no absolute path of a program")
        if any("\0" in each for each in self.command):
            raise ValueError("program.command holds a character that no argument may hold")
        for each in self.environment:
            if not isinstance(each, str) or not _VARIABLE.fullmatch(each):
                raise ValueError("program.environment is no list of NAME=value")
        if not 0 < self.timeout <= 3600:
            raise ValueError("program.timeout is not above 0 and at most 3600 seconds")
        if not isinstance(self.priors, bool):
            raise TypeError("program.priors is neither true nor false")
        if self.memory_bytes < 0:
            raise ValueError("program.memory_bytes is below 0")


def read_program(table: dict[str, object]) -> Program:
    """The table of a card.

    Raises
    ------
    TypeError, ValueError
        If a field is unknown, missing, or has a value that it can't have.
    """
    lists = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return Program(**lists)  # type: ignore[arg-type]
