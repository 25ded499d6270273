"""Mutation testing, bounded: a sample of the mutants, and how many of them the tests notice.

``make mutants`` runs it; which rooms are mutated, and with which tests, stands in pyproject.toml
under ``tool.mutmut``. The mutants lie in ``mutants/``; ``mutmut show NAME`` shows one.
"""

import argparse
import fnmatch
import json
import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
MUTANTS = ROOT / "mutants"
MUTMUT = [str(Path(sys.executable).with_name("mutmut")), "run", "--max-children"]
_SURVIVED, _UNTESTED = 0, frozenset({5, 33})
# mutmut's exit codes of a failed test, an error in pytest, and a test that takes far too long.
_KILLED = frozenset({1, 3, 24, 36, -24, 152, 255})


def main() -> int:
    """Try mutants, print the score of each module and the survivors; 1 if none could be tried."""
    wanted = _arguments()
    if not any(MUTANTS.rglob("*.meta")):
        # mutmut writes mutants and measures the tests before it finds that no mutant has this name.
        _mutmut(["none"], jobs=wanted.jobs, seconds=wanted.seconds)
    names = [name for name in sorted(_results()) if _matches(name, wanted.only)]
    if wanted.sample:
        names = random.Random(wanted.seed).sample(names, min(wanted.sample, len(names)))  # noqa: S311
    if not names:
        print("no mutant has such a name", file=sys.stderr)
        return 1
    _mutmut(names, jobs=wanted.jobs, seconds=wanted.seconds)
    results = _results()
    tried = {name: code for name in names if (code := results.get(name)) is not None}
    _report(names, tried)
    return 0 if tried else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("only", nargs="*", help="patterns of mutants, as dicom_node.domain.*")
    parser.add_argument("--sample", type=int, default=200, help="how many, by lot; 0 is all")
    parser.add_argument("--seed", type=int, default=0, help="decides the lot")
    parser.add_argument("--seconds", type=float, default=1500, help="stop after this time")
    parser.add_argument("--jobs", type=int, default=2, help="mutants that are tried at a time")
    return parser.parse_args()


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, each) for each in patterns)


def _mutmut(names: Sequence[str], *, jobs: int, seconds: float) -> None:
    """Run mutmut on these mutants; what it has found when the time is up is kept."""
    # The tests must import the mutants, not the checkout.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.setdefault("DICOM_NODE_TEST_DATA", str(ROOT.parent / "shared" / "data"))
    process = subprocess.Popen(  # noqa: S603
        [*MUTMUT, str(jobs), *names], cwd=ROOT, env=environment, start_new_session=True
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        print(f"\nstopped after {seconds:.0f} s", file=sys.stderr)


def _results() -> dict[str, int | None]:
    """Mutants with the exit code of their tests; None: not tried yet."""
    found: dict[str, int | None] = {}
    for meta in MUTANTS.rglob("*.meta"):
        found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def _report(names: Sequence[str], tried: Mapping[str, int]) -> None:
    print(f"\n{len(tried)} of {len(names)} mutants tried")
    for module, codes in sorted(_by_module(tried).items()):
        print(f"{_score(codes)}  {module}")
    print(f"{_score(list(tried.values()))}  all")
    for title, wanted in (("survived", {_SURVIVED}), ("reached by no test", _UNTESTED)):
        for name in sorted(name for name, code in tried.items() if code in wanted):
            print(f"{title}: {name}")


def _by_module(tried: Mapping[str, int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for name, code in tried.items():
        found[name.rpartition(".")[0]].append(code)
    return found


def _score(codes: Sequence[int]) -> str:
    killed = sum(code in _KILLED for code in codes)
    return f"{killed:4d} of {len(codes):4d} killed ({100 * killed / max(len(codes), 1):3.0f} %)"


if __name__ == "__main__":
    sys.exit(main())
