"""Milliseconds for a search over DICOMweb's index, and what indexing an instance costs.

QIDO-RS asks ``ObjectSearch``; C-FIND and the worklists ask the same tables.
"""

import argparse
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import sqlalchemy as sa
from pydicom.uid import CTImageStorage
from rich.console import Console

from bench.rows import Row, as_table
from bench.searching_keys import Clock, slowest
from dicom_node.domain.instance import QueryAttributes, ReceivedInstance
from dicom_node.persistence.corridor.attributes import json_text
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.query.keys import Level
from dicom_node.query.parameters import Reading, read_search
from dicom_node.query.ports import Window
from tests.peers.postgresql import postgresql
from tests.unit.builders import an_instance

INSTANCES = 100_000
LIMIT = 50.0
_PER_STUDY = 40
_BATCH = 2000
_REPEATS = 20
_ASKED: dict[str, tuple[Level, str]] = {
    "one patient's studies": (Level.STUDY, "PatientID=P{middle:06d}"),
    "the newest studies": (Level.STUDY, ""),
    "a family name": (Level.STUDY, "PatientName=family{name}*"),
    "a quarter's CTs": (Level.STUDY, "StudyDate=20200101-20200331&ModalitiesInStudy=CT"),
    "a word in the description": (Level.STUDY, "StudyDescription=*{middle}"),
    "one patient's series": (Level.SERIES, "PatientID=P{middle:06d}"),
    "one patient's instances": (Level.INSTANCE, "PatientID=P{middle:06d}"),
    "an instance by its UID": (Level.INSTANCE, "SOPInstanceUID=1.2.{middle}.1.7"),
}


def measure(instances: int = INSTANCES) -> list[Row]:
    """Fill each database once, and search it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        rows = _measured("SQLite", f"sqlite:///{Path(folder) / 'hotbase.sqlite'}", instances)
    if shutil.which("initdb") or any(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        with postgresql() as server:
            url = server.database(f"bench_{uuid.uuid4().hex}")
            rows += _measured("PostgreSQL", url, instances)
    return rows


def fill(engine: sa.Engine, instances: int, *, described: bool = True) -> float:
    """Index synthetic CTs; return the seconds for each instance."""
    index, spent = StudyIndex(engine), 0.0
    for batch in _batches(instances, described=described):
        started = time.perf_counter()
        index.record(batch)
        spent += time.perf_counter() - started
    return spent / instances


def _measured(name: str, url: str, instances: int) -> list[Row]:
    engine = make_engine(url)
    migrate(engine)
    seconds = fill(engine, instances)
    search, studies = ObjectSearch(engine), instances // _PER_STUDY
    rows = [
        Row(
            name=f"Indexing an instance with its attributes, {name}",
            value=seconds * 1e6,
            unit="µs",
            condition=f"{instances:,} instances in batches of {_BATCH}",
        )
    ]
    for what, (level, text) in _ASKED.items():
        asked = text.format(middle=studies // 2, name=f"{studies // 2 % 500:03d}")
        pairs = parse_qsl(asked)
        times = [_timed(search, level, pairs) for _ in range(_REPEATS)]
        rows.append(
            Row(
                name=f"QIDO: {what}, {name}",
                value=float(np.percentile(times, 95)),
                unit="ms",
                condition=f"{instances:,} instances, 95 % of {_REPEATS} searches below",
            )
        )
    condition = f"{instances:,} instances, best of 3, processor time of client and server"
    rows += slowest(search, _values(studies // 2), name, condition, _processor_time(engine))
    engine.dispose()
    return rows


def _processor_time(engine: sa.Engine) -> Clock:
    """Return a clock of seconds that this process and the one of PostgreSQL's connection worked.

    It is the same whatever else the machine does. The connection that was given back is the one
    that searches; it is told to work alone, for what helped it would not be counted.
    """
    if engine.dialect.name == "sqlite":
        return time.process_time
    with engine.connect() as connection:
        pid = int(connection.scalar(sa.text("SELECT pg_backend_pid()")) or 0)
        connection.exec_driver_sql("SET max_parallel_workers_per_gather = 0")
        connection.commit()
    statistics = Path(f"/proc/{pid}/schedstat")
    return lambda: time.process_time() + int(statistics.read_text().split()[0]) / 1e9


def _values(study: int) -> dict[str, str]:
    """Return what one study has, by keyword."""
    return {
        "PatientID": f"P{study:06d}",
        "PatientName": f"Family{study % 500:03d}^Given{study}",
        "StudyInstanceUID": f"1.2.{study}",
        "SeriesInstanceUID": f"1.2.{study}.1",
        "SOPInstanceUID": f"1.2.{study}.1.7",
        "SOPClassUID": CTImageStorage,
        "AccessionNumber": f"A{study}",
        "StudyID": f"S{study}",
        "StudyDescription": f"CT of the chest {study}",
        "Modality": "CT",
        "ModalitiesInStudy": "CT",
    }


def _timed(search: ObjectSearch, level: Level, pairs: list[tuple[str, str]]) -> float:
    started = time.perf_counter()
    found = search.find(level, read_search(pairs, Reading(most=100)).query, Window(limit=100))
    assert found.found
    return (time.perf_counter() - started) * 1000


def _batches(instances: int, *, described: bool) -> Iterator[list[ReceivedInstance]]:
    for start in range(0, instances, _BATCH):
        numbers = range(start, min(start + _BATCH, instances))
        batch = [_instance(number) for number in numbers]
        yield batch if described else [replace(each, attributes=None) for each in batch]


def _instance(number: int) -> ReceivedInstance:
    study, within = divmod(number, _PER_STUDY)
    uid = f"1.2.{study}.1.{within + 1}"
    return an_instance(
        uid,
        study_instance_uid=f"1.2.{study}",
        series_instance_uid=f"1.2.{study}.1",
        sop_class_uid=CTImageStorage,
        path=f"CT1/20260101/{study}/{uid}.dcm",
        digest=f"{number:064x}",
        modality="CT",
        instance_number=within + 1,
        attributes=QueryAttributes(
            study=json_text(
                {
                    "PatientName": f"Family{study % 500:03d}^Given{study}",
                    "PatientID": f"P{study:06d}",
                    "PatientBirthDate": f"{1930 + study % 80}0101",
                    "PatientSex": "O",
                    "StudyDate": f"{2018 + study % 8}{1 + study % 12:02d}{1 + study % 28:02d}",
                    "StudyTime": "101500",
                    "AccessionNumber": f"A{study}",
                    "StudyID": f"S{study}",
                    "StudyDescription": f"CT of the chest {study}",
                }
            ),
            series=json_text(
                {"Modality": "CT", "SeriesNumber": 1, "SeriesDescription": "Lung 1.0 mm"}
            ),
            instance=json_text(
                {
                    "SOPClassUID": CTImageStorage,
                    "SOPInstanceUID": uid,
                    "InstanceNumber": within + 1,
                    "Rows": 512,
                    "Columns": 512,
                }
            ),
        ),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--instances", type=int, default=INSTANCES)
    options = parser.parse_args()
    Console().print(as_table(measure(options.instances)))


if __name__ == "__main__":
    main()
