"""The guide's example does what the guide says."""

import re
from pathlib import Path

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "templates.md"


def test_the_worked_example_runs() -> None:
    examples = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(examples) == 1
    exec(compile(examples[0], str(GUIDE), "exec"), {})  # noqa: S102


def test_every_module_of_the_package_is_in_the_guides_table() -> None:
    package = GUIDE.parents[2] / "sr_templates"
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "errors", "context"}
    named = set(re.findall(r"`([a-z_]+)`", GUIDE.read_text()))
    assert modules - named == set()
