"""What the rooms record: nobody waits for it, and nothing is lost while it cannot be written."""

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_node.audit import events, reading
from dicom_node.audit.chain import Chain
from dicom_node.audit.markup import read
from dicom_node.audit.message import AuditMessage, AuditSource
from dicom_node.audit.reading import Wanted, newest
from dicom_node.audit.trail import AuditTrail
from dicom_node.audit.verifying import verify
from tests.peers.process import wait_until

AT = datetime(2026, 3, 1, tzinfo=UTC)


def message(number: int) -> AuditMessage:
    return events.authentication(f"user-{number}", at=AT, address="10.0.0.1")


def trail_in(folder: Path) -> AuditTrail:
    return AuditTrail(Chain(folder), AuditSource(source_id="AINODE"), clock=lambda: AT)


def test_what_many_threads_record_is_written_once_each(tmp_path: Path) -> None:
    trail = trail_in(tmp_path)
    trail.start()
    threads = [
        threading.Thread(target=lambda start=start: [trail.record(message(n)) for n in start])
        for start in (range(50), range(50, 100), range(100, 150))
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    trail.stop()
    found = newest(tmp_path, Wanted(), limit=1000)
    assert sorted(each.who for each in found) == sorted(f"user-{n}" for n in range(150))
    assert verify(tmp_path).problems == ()


def test_what_is_recorded_before_the_start_waits_for_it(tmp_path: Path) -> None:
    trail = trail_in(tmp_path)
    trail.record(message(1))
    trail.start()
    trail.stop()
    assert verify(tmp_path).records == 1


def test_records_wait_while_the_trail_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.write_text("in the way")
    trail = trail_in(folder)
    trail.start()
    for number in range(3):
        trail.record(message(number))
    wait_until(lambda: bool(trail.problem), "the trail to say what is wrong")
    assert "cannot be written" in trail.problem
    folder.unlink()
    wait_until(lambda: not trail.problem, "the trail to be written")
    trail.stop()
    found: Sequence[str] = [each.who for each in newest(folder, Wanted(), limit=10)]
    assert found == ["user-2", "user-1", "user-0"]


def test_what_is_looked_for_is_found_however_it_is_written(tmp_path: Path) -> None:
    """Lines that cannot hold what is wanted are not read; no other is left out."""
    trail = trail_in(tmp_path)
    trail.start()
    names = ("ada", "ADA", "ada (token 7)", "Ädä", "o'neil & <sons>", 'quo"te', "bert")
    for name in names:
        trail.record(events.authentication(name, at=AT, address="10.0.0.1"))
    trail.stop()

    def found(**wanted: str) -> set[str]:
        return {each.who for each in newest(tmp_path, Wanted(**wanted), limit=100)}

    assert found(user="Ada") == {"ada", "ADA", "ada (token 7)"}
    assert found(user="äDÄ") == {"Ädä"}
    assert found(user="O'Neil & <Sons>") == {"o'neil & <sons>"}
    assert found(user='QUO"TE') == {'quo"te'}
    assert found(user="bert", event="LOGIN") == {"bert"}
    assert found(user="nobody") == set()
    assert found(event="export") == set()


def test_a_record_is_read_only_where_its_line_may_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million records are looked through in seconds; reading them takes most of a minute."""
    trail = trail_in(tmp_path)
    trail.start()
    for number in range(50):
        trail.record(message(number))
    trail.stop()
    seen: list[str] = []
    monkeypatch.setattr(reading, "read", lambda text: seen.append(text) or read(text))
    assert len(newest(tmp_path, Wanted(user="user-7"), limit=100)) == 1
    assert len(seen) == 1
