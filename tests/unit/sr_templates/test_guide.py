"""The guide's example does what the guide says."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "templates.md"
# What somebody who has followed all steps would ask of the copy.
ASKED = """
from ai_engine.library.labels import FINDINGS, site_of
assert FINDINGS[tuberculosis.label].meaning == tuberculosis.code.meaning
assert site_of(tuberculosis.label).meaning == tuberculosis.site.meaning
categories = [
    item.ConceptCodeSequence[0].CodeMeaning
    for item in group.ContentSequence
    if item.ConceptNameCodeSequence[0].CodeMeaning == "Finding category"
]
assert categories == ["Morphologically Abnormal Structure"], categories
"""


def example() -> str:
    (found,) = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_worked_example_runs() -> None:
    exec(compile(example(), str(GUIDE), "exec"), {})  # noqa: S102


def test_the_steps_around_it_change_the_report_as_they_say(tmp_path: Path) -> None:
    for package in ("ai_engine", "sr_templates"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=_no_weights)
    label, row = re.findall(r"^   ```\n   (.*?)\n   ```", GUIDE.read_text(), re.MULTILINE)
    _insert(tmp_path / "ai_engine" / "library" / "labels.py", after="FINDINGS = {", line=label)
    _insert(
        tmp_path / "sr_templates" / "planar_roi.py",
        after="finding_sites=_sites(finding),",
        line=row,
    )
    script = tmp_path / "followed.py"
    script.write_text(example() + ASKED)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _no_weights(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("__pycache__", "weights")]


def _insert(path: Path, *, after: str, line: str) -> None:
    text = path.read_text()
    assert text.count(after) == 1, f"{path.name} is not as the guide knows it"
    path.write_text(text.replace(after, f"{after}\n{line}"))


def test_every_module_of_the_package_is_in_the_guides_table() -> None:
    package = ROOT / "sr_templates"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "errors", "context"}
    named = set(re.findall(r"`([a-z_]+)`", GUIDE.read_text()))
    assert modules - named == set()
