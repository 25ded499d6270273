"""A node that has one worker and waits: says its worker's and their parent's process ids."""

import sys
import time
from pathlib import Path

import psutil

from dicom_node.isolation.lane import LaneSetup
from dicom_node.isolation.lanes import Lanes
from dicom_node.isolation.worker import Limits
from tests.unit.isolation.desk import HostileDesk, MakeDesk


def main() -> None:
    """Start a worker, say who it is, and wait for the end."""
    make = MakeDesk(Path(sys.argv[1]))
    lanes = Lanes(
        LaneSetup(make_desk=make, warm=HostileDesk.warm, prepare=make.prepare, limits=Limits()),
        count=1,
    )
    lanes.start()
    worker = lanes.run("s", 60.0, lambda: None, HostileDesk.pid)
    print(worker, psutil.Process(worker).ppid(), flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
