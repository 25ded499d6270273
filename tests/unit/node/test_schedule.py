"""Jobs of the clock."""

import threading
from datetime import UTC, datetime, timedelta

from dicom_node.node.schedule import Schedule


def test_a_job_whose_time_has_passed_is_done_late() -> None:
    done = threading.Event()
    clock = Schedule(leads=lambda: True)
    clock.every(done.set, seconds=3600, first=datetime.now(UTC) - timedelta(seconds=10))
    clock.start()
    try:
        assert done.wait(30)
    finally:
        clock.stop()
