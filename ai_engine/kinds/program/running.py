"""One run of a program: a fresh folder, no shell, no secrets, limits, and nothing left behind."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ai_engine.errors import BackendError
from ai_engine.kinds.program import limited
from ai_engine.library.program import INPUT, OUTPUT, PRIORS, Program

LARGEST_FILE = 1024**3
"""Bytes of one file that a program may write."""

MOST_FILES = 2000
"""Files that a program may leave."""

LAST_WORDS = "last-words.txt"
"""What the last run that failed has said, kept for who looks after the program."""

_KEPT_WORDS = 64 * 1024

IN_NAMES = ("MERCURE_IN_DIR", "HOLOSCAN_INPUT_PATH", "MONAI_INPUTPATH")
PRIORS_NAME = "PRIORS_DIR"
OUT_NAMES = ("MERCURE_OUT_DIR", "HOLOSCAN_OUTPUT_PATH", "MONAI_OUTPUTPATH")
"""The variables by which mercure's modules and MONAI Deploy's applications know the folders."""


@contextmanager
def ran(
    program: Program, files: Sequence[Path], *, keep: Path, priors: Sequence[Path] = ()
) -> Iterator[Path]:
    """Run a program on copies of files; yield the folder that it left.

    Parameters
    ----------
    program
        What is run.
    files
        DICOM files; it gets them as ``input/0001.dcm`` and so on, in their order.
    keep
        Folder for what a run that failed has said.
    priors
        DICOM files of earlier studies, which it gets as ``priors/0001.dcm`` and so on.

    Raises
    ------
    BackendError
        If it can't be begun, takes too long, or says by its status that it has failed.
    """
    with tempfile.TemporaryDirectory(prefix="program-") as name:
        place = Path(name)
        for folder in ("input", "output", "priors", "home"):
            (place / folder).mkdir()
        for folder, given in (("input", files), ("priors", priors)):
            for number, each in enumerate(given, start=1):
                # Copies: what is in the archive is nobody's to change.
                shutil.copyfile(each, place / folder / f"{number:04d}.dcm")
        _run(program, place, keep)
        yield place / "output"


def left_files(folder: Path) -> tuple[Path, ...]:
    """Every file that a program has left, by name.

    Raises
    ------
    BackendError
        If they are too many, or one is a link or no regular file.
    """
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise BackendError("the program left a link, which may lead anywhere")
        if path.is_dir():
            continue
        if not path.is_file():
            raise BackendError("the program left what is no regular file")
        found.append(path)
        if len(found) > MOST_FILES:
            raise BackendError(f"the program left more than {MOST_FILES} files")
    return tuple(found)


def _run(program: Program, place: Path, keep: Path) -> None:
    folders = {
        INPUT: str(place / "input"),
        OUTPUT: str(place / "output"),
        PRIORS: str(place / "priors"),
    }
    words = place / "words"
    with words.open("wb") as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - an argument list of the administrator's
                [
                    *(sys.executable, "-I", "-S", limited.__file__),
                    *(str(program.memory_bytes), str(LARGEST_FILE)),
                    *(_filled(each, folders) for each in program.command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                cwd=place,
                env=_environment(program, place),
                start_new_session=True,
            )
        except OSError as error:
            raise BackendError(f"the program can't be begun ({error.strerror})") from error
        try:
            status = process.wait(program.timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end_group(process)
    if status == 0:
        return
    _keep_words(words, keep)
    how = (
        f"took longer than {program.timeout:g} s and was ended"
        if status is None
        else f"ended by signal {-status}"
        if status < 0
        else f"ended with status {status}"
    )
    raise BackendError(f"the program {how}; what it said is in {keep / LAST_WORDS}")


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the program and what it has begun, also what it left running."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _filled(argument: str, folders: dict[str, str]) -> str:
    for name, folder in folders.items():
        argument = argument.replace(name, folder)
    return argument


def _environment(program: Program, place: Path) -> dict[str, str]:
    """What a program knows of where it runs: nothing of the node."""
    own = dict(each.split("=", maxsplit=1) for each in program.environment)
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(place / "home"),
        "TMPDIR": str(place / "home"),
        **own,
        **dict.fromkeys(IN_NAMES, str(place / "input")),
        **dict.fromkeys(OUT_NAMES, str(place / "output")),
        PRIORS_NAME: str(place / "priors"),
    }


def _keep_words(words: Path, keep: Path) -> None:
    """Keep the end of what a run has said: it may name a patient, so nobody else may read it."""
    keep.mkdir(parents=True, exist_ok=True)
    target = keep / LAST_WORDS
    target.unlink(missing_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(words.read_bytes()[-_KEPT_WORDS:])
