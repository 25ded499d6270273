"""What the audit trail costs: for each object received, and for each record on the disk.

    .venv/bin/python -m bench.audit [--objects N]

Associations of 500 objects of one study each are told as receivers tell them. What the reception
pays is the time of the first figure; the second is the writing thread's: XML, digest, and a
``fsync`` for each batch. Processor time, so that whatever else the machine does tells on none.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.audit.chain import Chain
from dicom_node.audit.markup import written
from dicom_node.audit.message import AuditMessage, AuditSource
from dicom_node.audit.reading import Wanted, newest
from dicom_node.audit.verifying import verify
from dicom_node.domain.instance import QueryAttributes
from dicom_node.domain.reception import AssociationEnd, AssociationEnded
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    InstanceReceived,
    ReceptionEvent,
)
from dicom_node.node.association_records import AssociationRecords
from tests.unit.builders import an_instance

_AT = datetime(2026, 3, 1, tzinfo=UTC)
_OF_ONE = 500
_IN_A_FILE = 50_000


def measure(objects: int = 100_000) -> list[Row]:
    """Time the counting of objects and the writing of records."""
    recorded: list[AuditMessage] = []
    records = AssociationRecords(recorded.append)
    told = [_association(number) for number in range(max(1, objects // _OF_ONE))]
    begun = time.process_time()
    for each in told:
        records.handle(each)
    counting = time.process_time() - begun
    batch = recorded[:500]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        chain = Chain(Path(folder))
        source = AuditSource(source_id="AINODE")
        rounds = 20
        begun = time.process_time()
        for _ in range(rounds):
            chain.append([written(each, source) for each in batch])
        writing = time.process_time() - begun
        begun = time.process_time()
        found = verify(Path(folder))
        verifying = time.process_time() - begun
    count = _OF_ONE * len(told)
    return [
        _row("Counted for an object received", counting / count * 1e6, "µs"),
        _row("Records of an association with one study", len(recorded) / len(told), ""),
        _row("Written, a record", writing / (rounds * len(batch)) * 1e6, "µs"),
        _row("Verified, a record", verifying / found.records * 1e6, "µs"),
    ]


def measure_reading(records: int) -> list[Row]:
    """Time what a page of the trail shows: a hundred records, of a trail of so many."""
    told: list[AuditMessage] = []
    handler = AssociationRecords(told.append)
    handler.handle(_association(1))
    message = written(told[0], AuditSource(source_id="AINODE"))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        _write_trail(folder, message, records)
        return [
            _timed(folder, "Newest records", Wanted(), records),
            _timed(folder, "Records of a user who did nothing", Wanted(user="nobody"), records),
            _timed(
                folder, "Records of an event that never was", Wanted(event="Emergency"), records
            ),
            _timed(folder, "Records of a study that never came", Wanted(study="1.9.9"), records),
        ]


def _write_trail(folder: Path, message: str, records: int) -> None:
    """Write lines as the chain does, of one message: their digests are not what is read here."""
    for first in range(1, records + 1, _IN_A_FILE):
        lines = [
            json.dumps({"number": number, "previous": "", "digest": "", "message": message})
            for number in range(first, min(first + _IN_A_FILE, records + 1))
        ]
        (folder / f"audit-{first:012d}.jsonl").write_text("\n".join(lines) + "\n")


def _timed(folder: Path, name: str, wanted: Wanted, records: int) -> Row:
    begun = time.process_time()
    newest(folder, wanted, limit=100, names_patients=False)
    found = (time.process_time() - begun) * 1000
    condition = f"processor time, of {records:,} records"
    return Row(name=name, value=found, unit="ms", condition=condition)


def _row(name: str, value: float, unit: str) -> Row:
    return Row(name=name, value=value, unit=unit, condition="processor time")


def _association(number: int) -> list[ReceptionEvent]:
    name = f"association-{number}"
    attributes = QueryAttributes(
        study='{"00100020": {"vr": "LO", "Value": ["P1"]}}', series="{}", instance="{}"
    )
    instance = replace(an_instance("1.1"), attributes=attributes)
    ended = AssociationEnded(
        association_id=name, calling_ae="CR1", end=AssociationEnd.RELEASED, at=_AT
    )
    opened = AssociationOpened(
        association_id=name, calling_ae="CR1", called_ae="AINODE", peer_address="10.0.0.1", at=_AT
    )
    received = InstanceReceived(association_id=name, instance=instance, duplicate=False)
    return [opened, *([received] * _OF_ONE), AssociationClosed(ended=ended)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--records", type=int, default=1_000_000, help="in the trail that is read")
    options = parser.parse_args()
    Console().print(as_table([*measure(options.objects), *measure_reading(options.records)]))
