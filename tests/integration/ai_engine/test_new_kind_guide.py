"""A new kind of model by the guide: one folder and one line, and it is served and trained."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guides" / "new-kind.md"
PACKAGES = ("ai_engine", "dicom_node", "sr_templates")
# What somebody who has followed all steps would do with the copy.
ASKED = """
import json
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from typer.testing import CliRunner

from ai_engine.commands.evaluate import evaluate
from ai_engine.kinds.loading import load_predictor
from ai_engine.kinds.random_weights import write_random_weights
from ai_engine.library.card import Label, Metric, ModelCard, write_card
from ai_engine.library.earned import AMONG_ABNORMAL
from ai_engine.library.registry import ModelRegistry
from ai_engine.prediction import Code
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.cli.application import application

here = Path.cwd()
models, cache = here / "data" / "models", here / "data" / "cache"
place = models / "exposure-check" / "1.0.0"
place.mkdir(parents=True)
code = Code(value="cxr-underexposed", scheme="99AINODE", meaning="Underexposed")
card = ModelCard(
    folder=place, name="exposure-check", version="1.0.0", title="Exposure", manufacturer="A test",
    kind="exposure", architecture="exposure_net", weights_digest="0" * 64, research_only=True,
    intended_use="Tests only.", limitations=(), refuses=(), licence="none", attribution="none",
    input_size=32, weights_file="weights.safetensors", guard="none", body_parts=("HAND",),
    labels=(Label(name="Underexposed", title="Underexposed", threshold=0.5, code=code),),
    metrics=(
        Metric(
            name="auc", label="Underexposed", split="test", group=AMONG_ABNORMAL, images=60,
            value=0.9, low=0.8, high=0.95,
        ),
    ),
)
digest = write_random_weights(card, card.weights_path, seed=1)
card = replace(card, weights_digest=digest)
write_card(card)

rng = np.random.default_rng(1)
for kind in ("Underexposed", "Right"):
    (here / "images" / kind).mkdir(parents=True)
    for number in range(30):
        pixels = rng.integers(0, 60 if kind == "Underexposed" else 255, (40, 40)).astype(np.uint8)
        cv2.imwrite(str(here / "images" / kind / f"{number}.png"), pixels)
report = evaluate(
    card=card, data=here / "images", out=here / "out", cache=cache, split="train", layout="folders"
)
assert 0 <= report.value("auc") <= 1
assert (here / "out" / "roc.png").exists()

versions = {"exposure-check": "1.0.0"}
predictor = load_predictor(ModelRegistry(models), versions, "exposure-check", cache=cache)
shown = rng.random((60, 60), dtype=np.float32)
image = Radiograph(sop_instance_uid="1.2.3", pixels=shown, content=content_region(shown))
(judged,) = predictor.predict([image]).images
assert [finding.code for finding in judged.findings] == [code], judged.findings
assert 0 < judged.findings[0].probability < 1

config = here / "config"
with (config / "models.toml").open("a") as stream:
    stream.write('exposure-check = "1.0.0"\\n')
route = '[[route]]\\nname = "hands"\\nmodel = "exposure-check"\\nbody_parts = ["{}"]\\n'
for body_part, expected in (("HAND", 0), ("FOOT", 1)):
    (config / "routes.toml").write_text(route.format(body_part))
    found = CliRunner().invoke(application, ["--config", str(config), "route", "check"])
    assert (found.exit_code, body_part) == (expected, body_part), (found.output, found.exception)
assert "is for body part HAND, the route sends FOOT" in str(found.exception)
assert "tensorflow" not in sys.modules

from ai_engine.commands.train import train

trained = train(recipe="exposure.toml", data=here / "images", out=here / "run", layout="folders")
assert (trained.kind, trained.labels[0].code) == ("exposure", code)
assert len(json.loads((here / "run" / "history.json").read_text())) == 2
report = evaluate(
    card=trained, data=here / "images", out=here / "out", cache=cache, split="train",
    layout="folders",
)
assert 0 <= report.value("auc") <= 1
"""


@pytest.fixture(scope="module")
def steps() -> tuple[str, dict[str, str]]:
    """The line, and the files of the folder by their paths."""
    text = GUIDE.read_text()
    (line,) = re.findall(r"^## The line\n.*?^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    found = re.findall(r"^`(\S+\.py)`\n```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return line, dict(found)


def test_a_new_kind_is_at_most_eight_files_in_one_folder_and_one_line(
    steps: tuple[str, dict[str, str]],
) -> None:
    line, files = steps
    assert line.count("\n") == 1
    assert 1 < len(files) <= 8
    assert len({Path(path).parent for path in files}) == 1


@pytest.mark.long
def test_who_follows_the_guide_has_a_kind_that_is_measured_routed_served_and_trained(
    steps: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=_no_weights)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    line, files = steps
    table = tmp_path / "ai_engine" / "library" / "kinds.py"
    before = table.read_text()
    assert before.count("\n    {\n") == 1, "the table is not as the guide knows it"
    table.write_text(before.replace("\n    {\n", "\n    {\n" + line))
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    (recipe,) = re.findall(
        r"^`exposure\.toml`\n```toml\n(.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE
    )
    (tmp_path / "exposure.toml").write_text(recipe)
    script = tmp_path / "followed.py"
    script.write_text(ASKED)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "DICOM_NODE_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _no_weights(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("__pycache__", "weights", "node_modules")]
