"""What the parent of processes imports first, and what it imports when it is told to."""

import os
import subprocess
import sys
from pathlib import Path

# A parent is one for a whole process: each test has a process of its own.
_PROGRAM = """
import sys
from multiprocessing import get_context
from dicom_node.isolation.parent import import_the_rest, start_parent

def has(names, answers):
    answers.send([name in sys.modules for name in names])

def child_has(*names):
    ours, theirs = get_context("forkserver").Pipe()
    process = get_context("forkserver").Process(target=has, args=(names, theirs))
    process.start()
    print(*ours.recv())
    process.join()

if __name__ == "__main__":
    start_parent(["colorsys"], later=sys.argv[1:])
    child_has("colorsys", "graphlib")
    import_the_rest()
    child_has("colorsys", "graphlib")
"""


def said(folder: Path, *later: str) -> list[str]:
    """Return which modules a first and a second child have."""
    program = folder / "program.py"
    program.write_text(_PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), *later],
        check=True,
        capture_output=True,
        text=True,
        # The parent looks where every process does, and not beside the program.
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_what_comes_later_is_there_in_who_is_forked_after_it(tmp_path: Path) -> None:
    assert said(tmp_path, "graphlib") == ["True False", "True True"]


def test_a_module_that_is_not_installed_holds_none_up(tmp_path: Path) -> None:
    assert said(tmp_path, "no_such_module", "graphlib") == ["True False", "True True"]


def test_a_module_that_breaks_off_does_not_end_the_parent(tmp_path: Path) -> None:
    (tmp_path / "broken_library.py").write_text("raise OSError('libcudart.so: cannot be opened')")
    assert said(tmp_path, "broken_library", "graphlib") == ["True False", "True True"]


def test_a_parent_to_whom_nothing_was_left_lives_on(tmp_path: Path) -> None:
    assert said(tmp_path) == ["True False", "True False"]
