"""A model that is a command: run without a shell and without secrets, within limits, and read."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ai_engine.errors import BackendError
from ai_engine.kinds.guarding import Unguarded
from ai_engine.kinds.program.predictor import FolderImage, FolderPredictor
from ai_engine.kinds.program.running import LAST_WORDS, left_files, ran
from ai_engine.library.card import ModelCard, described_digest, read_card, write_card
from ai_engine.library.program import Program
from tests.unit.ai_engine.vendor_cards import vendor_card

IMAGE = "1.2.3.4"
PYTHON = os.path.realpath(sys.executable)


def a_program(tmp_path: Path, code: str, **fields: object) -> Program:
    script = tmp_path / "program.py"
    script.write_text(f"import json, os, sys, time\nfrom pathlib import Path\n{code}\n")
    command = (PYTHON, "-I", str(script), "{input}", "{output}")
    return Program(command=command, **fields)  # type: ignore[arg-type]


def a_card(program: Program) -> ModelCard:
    card = replace(vendor_card(), kind="program", service=None, tensors=None, program=program)
    return replace(card, weights_digest=described_digest(replace(card, weights_digest="")))


def a_predictor(tmp_path: Path, program: Program) -> FolderPredictor:
    return FolderPredictor(a_card(program), program, guard=Unguarded(), keep=tmp_path / "keep")


def an_image(tmp_path: Path) -> FolderImage:
    path = tmp_path / "image.dcm"
    path.write_bytes(b"\0" * 128 + b"DICM")
    return FolderImage(sop_instance_uid=IMAGE, path=path, rows=400, columns=300)


def says(document: object) -> str:
    text = json.dumps(document)
    return f"Path(sys.argv[2], 'result.json').write_text({text!r})"


def told(tmp_path: Path, document: object):  # type: ignore[no-untyped-def]
    predictor = a_predictor(tmp_path, a_program(tmp_path, says(document)))
    return predictor.predict([an_image(tmp_path)], {})


@pytest.mark.slow
def test_it_gets_copies_and_both_conventions_of_variables_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOM_NODE_DATABASE__URL", "postgresql://user:secret@host/db")
    code = """
assert os.environ["MERCURE_IN_DIR"] == os.environ["HOLOSCAN_INPUT_PATH"] == sys.argv[1]
assert os.environ["MERCURE_OUT_DIR"] == os.environ["HOLOSCAN_OUTPUT_PATH"] == sys.argv[2]
names = [sorted(os.environ), os.listdir(sys.argv[1])]
Path(sys.argv[2], "names.json").write_text(json.dumps(names))
Path(sys.argv[1], "0001.dcm").write_bytes(b"changed")
"""
    image = an_image(tmp_path)
    program = a_program(tmp_path, code, environment=("THREADS=2",))
    with ran(program, [image.path], keep=tmp_path / "keep") as folder:
        variables, files = json.loads((folder / "names.json").read_text())
    assert files == ["0001.dcm"]
    assert "THREADS" in variables
    assert not [name for name in variables if name.startswith("DICOM_NODE")]
    assert image.path.read_bytes() == b"\0" * 128 + b"DICM"
    assert not folder.exists()


def test_no_shell_reads_its_arguments(tmp_path: Path) -> None:
    program = a_program(tmp_path, "Path(sys.argv[2], 'said').write_text(sys.argv[3])")
    odd = replace(program, command=(*program.command, "$(touch x); `id` * > y"))
    with ran(odd, [], keep=tmp_path) as folder:
        assert (folder / "said").read_text() == "$(touch x); `id` * > y"


def test_a_program_that_hangs_is_ended_with_all_that_it_began(tmp_path: Path) -> None:
    mark = tmp_path / "child"
    code = f"""
import subprocess
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
Path({str(mark)!r}).write_text(str(child.pid))
print("waiting for it", flush=True)
child.wait()
"""
    program = a_program(tmp_path, code, timeout=3.0)
    keep = tmp_path / "keep"
    with pytest.raises(BackendError, match="took longer than 3 s"), ran(program, [], keep=keep):
        pass
    pid = int(mark.read_text())
    deadline = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (keep / LAST_WORDS).read_text() == "waiting for it\n"
    assert (keep / LAST_WORDS).stat().st_mode & 0o077 == 0


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.slow
def test_limits_of_a_worker_are_not_those_of_a_program(tmp_path: Path) -> None:
    code = """
import resource
said = {"memory": resource.getrlimit(resource.RLIMIT_AS)[0] // 2**30,
        "ignored": signal.getsignal(signal.SIGTERM) is signal.SIG_IGN}
Path(sys.argv[2], "said").write_text(json.dumps(said))
"""
    script = f"""
import json, resource, signal, sys
from pathlib import Path
sys.path[:] = {sys.path!r}
from ai_engine.kinds.program.running import ran
from ai_engine.library.program import Program
_, hard = resource.getrlimit(resource.RLIMIT_AS)
resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30, hard))
signal.signal(signal.SIGTERM, signal.SIG_IGN)
command = tuple(json.loads(sys.argv[1]))
with ran(Program(command=command, memory_bytes=12 * 2**30), [], keep=Path(sys.argv[2])) as folder:
    print((folder / "said").read_text())
"""
    program = a_program(tmp_path, f"import signal\n{code}")
    done = subprocess.run(
        [PYTHON, "-c", script, json.dumps(program.command), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {"memory": 12, "ignored": False}


def test_memory_is_limited(tmp_path: Path) -> None:
    program = a_program(tmp_path, "bytearray(2 * 1024**3)", memory_bytes=512 * 1024**2)
    with pytest.raises(BackendError, match="ended with status 1"):
        a_predictor(tmp_path, program).predict([an_image(tmp_path)], {})
    assert "MemoryError" in (tmp_path / "keep" / LAST_WORDS).read_text()


@pytest.mark.slow
def test_what_cannot_be_begun_or_says_nothing_fails_in_words(tmp_path: Path) -> None:
    absent = Program(command=("/absent/program",))
    with pytest.raises(BackendError, match="ended with status"), ran(absent, [], keep=tmp_path):
        pass
    silent = a_program(tmp_path, "pass")
    with pytest.raises(BackendError, match=r"neither result.json with an image nor DICOM"):
        a_predictor(tmp_path, silent).predict([an_image(tmp_path)], {})


@pytest.mark.slow
def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    program = a_program(tmp_path, "os.symlink('/etc/passwd', Path(sys.argv[2], 'x.dcm'))")
    with (
        pytest.raises(BackendError, match="left a link"),
        ran(program, [], keep=tmp_path) as folder,
    ):
        left_files(folder)


def test_boxes_become_findings_on_the_image(tmp_path: Path) -> None:
    boxes = [
        {"box": [10, 20, 110, 220], "probability": 0.7},
        {"box": [250, 300, 350, 420], "probability": 0.9},
        {"box": [0, 0, 5, 5], "probability": 0.2},
    ]
    finding = {"label": "Lung Opacity", "probability": 0.9, "boxes": boxes}
    measured = {"name": "Cardiothoracic ratio", "value": 0.525, "unit": "1"}
    prediction = told(
        tmp_path,
        {
            "version": "2.3.1",
            "images": [
                {"sop_instance_uid": IMAGE, "findings": [finding], "measurements": [measured]}
            ],
        },
    )
    (found,) = prediction.images[0].findings
    assert (found.label, found.probability) == ("Lung Opacity", 0.9)
    assert [box.region.right for box in found.boxes] == [300, 110]  # cut at the image's edge
    assert prediction.parameters[0].endswith("version 2.3.1")
    assert "Cardiothoracic ratio: 0.525." in [each.detail for each in prediction.remarks]


def test_polygons_keep_their_shape(tmp_path: Path) -> None:
    triangle = [[0, 0], [300, 0], [0, 400]]
    finding = {"label": "Lung Opacity", "probability": 0.8, "polygons": [triangle]}
    prediction = told(tmp_path, {"images": [{"sop_instance_uid": IMAGE, "findings": [finding]}]})
    (found,) = prediction.images[0].findings
    assert found.heat_map is not None
    values = found.heat_map.values
    assert values.shape == (384, 288)
    assert float(values.mean()) == pytest.approx(0.5, abs=0.01)
    assert values[10, 10] == 1.0
    assert values[-10, -10] == 0.0


@pytest.mark.slow
def test_what_is_not_listed_has_no_finding_and_what_it_refuses_is_refused(tmp_path: Path) -> None:
    prediction = told(tmp_path, {"images": [{"sop_instance_uid": IMAGE}]})
    assert [each.probability for each in prediction.images[0].findings] == [0.0]
    refusing = {"refused": [{"sop_instance_uid": IMAGE, "reason": "rotated\n"}]}
    (refusal,) = told(tmp_path, refusing).refusals
    assert (refusal.sop_instance_uid, refusal.detail) == (IMAGE, "rotated")


def _with(**finding: object) -> dict[str, object]:
    whole = {"label": "Lung Opacity", "probability": 0.5} | finding
    return {"images": [{"sop_instance_uid": IMAGE, "findings": [whole]}]}


WRONG = {
    "no object": ([1], "is no object"),
    "another image": ({"images": [{"sop_instance_uid": "9.9"}]}, "wasn't given"),
    "an image twice": ({"images": [{"sop_instance_uid": IMAGE}] * 2}, "an image twice"),
    "another label": (_with(label="Fracture"), "'Fracture', and the card has Lung Opacity"),
    "no probability": (_with(probability=None), "no number"),
    "a yes": (_with(probability=True), "no number"),
    "more than certain": (_with(probability=1.5), "isn't between 0 and 1"),
    "NaN": (_with(probability=float("nan")), "no number"),
    "a box without area": (
        _with(boxes=[{"box": [5, 5, 5, 9], "probability": 0.5}]),
        "without area",
    ),
    "a box beside": (
        _with(boxes=[{"box": [900, 900, 950, 950], "probability": 0.9}]),
        "outside of its image",
    ),
    "a line": (_with(polygons=[[[1, 1], [2, 2]]]), "fewer than 3"),
    "a polygon beside": (_with(polygons=[[[-9, -9], [-8, -9], [-9, -8]]]), "outside of its image"),
    "both": (
        _with(
            boxes=[{"box": [1, 1, 9, 9], "probability": 0.9}], polygons=[[[1, 1], [2, 2], [3, 1]]]
        ),
        "give one of them",
    ),
}


@pytest.mark.parametrize(("document", "words"), WRONG.values(), ids=WRONG)
def test_a_result_that_is_none_fails_in_words(tmp_path: Path, document: object, words: str) -> None:
    with pytest.raises(BackendError, match=words):
        told(tmp_path, document)


@pytest.mark.parametrize("code", ["'{'", "'[' * 100_000", "'{\"images\": 3}'"])
def test_a_file_that_is_no_json_fails_in_words(tmp_path: Path, code: str) -> None:
    program = a_program(tmp_path, f"Path(sys.argv[2], 'result.json').write_text({code})")
    with pytest.raises(BackendError, match=r"the program's result.json"):
        a_predictor(tmp_path, program).predict([an_image(tmp_path)], {})


def test_a_card_says_what_runs_its_model() -> None:
    assert a_card(Program(command=("/opt/finder", "--key", "x"))).runs_at == "program /opt/finder"
    assert vendor_card().runs_at == "service brightness at http://127.0.0.1:1"
    assert replace(vendor_card(), service=None).runs_at == ""


def test_a_card_keeps_its_program(tmp_path: Path) -> None:
    card = replace(
        a_card(Program(command=("/bin/true", "{input}"), environment=("A=b c",), timeout=3.5)),
        folder=tmp_path,
    )
    write_card(card)
    assert read_card(tmp_path) == card


@pytest.mark.parametrize(
    "fields",
    [
        {"command": ()},
        {"command": ("true",)},
        {"command": ("/bin/true", "a\0b")},
        {"command": ("/bin/true",), "environment": ("A",)},
        {"command": ("/bin/true",), "timeout": 0},
        {"command": ("/bin/true",), "memory_bytes": -1},
    ],
    ids=str,
)
def test_what_cannot_be_run_is_no_program(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"program\."):
        Program(**fields)  # type: ignore[arg-type]


def test_it_gets_earlier_images_in_a_folder_of_their_own(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.dcm"
    earlier.write_bytes(b"earlier")
    code = (
        "given = [each.read_text() for each in Path(os.environ['PRIORS_DIR']).iterdir()]\n"
        "assert len(list(Path(sys.argv[1]).iterdir())) == 1\n"
        "assert given == ['earlier'], given\n"
        + says({"images": [{"sop_instance_uid": IMAGE, "findings": []}]})
    )
    predictor = a_predictor(tmp_path, a_program(tmp_path, code, priors=True))
    prediction = predictor.predict([an_image(tmp_path)], {}, [earlier])
    assert [each.sop_instance_uid for each in prediction.images] == [IMAGE]
