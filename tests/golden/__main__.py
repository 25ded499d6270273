"""Write the golden set of a version: ``make golden VERSION=0.2.0``.

A set of a version that is released is never written again.
"""

import json
import sys
from pathlib import Path

from dicom_node.workflow.contract import schemas, step_order
from dicom_node.workflow.engine import WorkflowEngine
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.step_values import StepValues
from tests.golden.samples import samples

SETS = Path(__file__).parent / "steps"


def write(version: str) -> Path:
    """Write what this code makes of every sample, and the contract that it keeps."""
    folder = SETS / version
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in samples().items():
        (folder / f"{name}.json").write_text(StepValues().serialize(value) + "\n")
    text = json.dumps(current_contract(), indent=1, sort_keys=True, ensure_ascii=False)
    (folder / "contract.json").write_text(text + "\n")
    return folder


def current_contract() -> dict[str, object]:
    """Return the order of the steps and the schemas of their values, in full."""
    return {"order": step_order(Corridor, WorkflowEngine), "values": schemas()}


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(write(sys.argv[1]))
