"""A search by patient among 100,000 instances, on both databases; the bench measures it closely."""

import statistics
import time

import pytest
import sqlalchemy as sa

from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.persistence.corridor.attributes import json_text, notes_of, study_row
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.query.keys import Level
from dicom_node.query.parameters import Reading, read_search
from dicom_node.query.ports import Window
from dicom_node.query.reading import Query

STUDIES, PER_STUDY = 2500, 40
COLUMNS = '{"00280011":{"vr":"US","Value":[512]}}'
# Ten times what is wanted: a machine under load must not fail this, a walk over all studies must.
LIMIT = 0.5


def fill(engine: sa.Engine) -> None:
    studies, series, instances = [], [], []
    for number in range(STUDIES):
        study = f"1.2.{number}"
        attributes = json_text({"PatientID": f"P{number:05d}", "StudyDate": "20260101"})
        studies.append(study_row(study, attributes))
        within = {"study_instance_uid": study, "series_instance_uid": f"{study}.1"}
        series.append({**within, "modality": "CT", "series_number": 1, "attributes": '{"0":{}}'})
        instances += [
            {
                **within,
                "sop_instance_uid": f"{study}.1.{instance}",
                "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
                "transfer_syntax_uid": "1.2.840.10008.1.2.1",
                "instance_number": instance,
                "attributes": COLUMNS,
                **notes_of(COLUMNS),
            }
            for instance in range(PER_STUDY)
        ]
    with engine.begin() as connection:
        connection.execute(sa.insert(STUDY_ATTRIBUTES), studies)
        connection.execute(sa.insert(SERIES_ATTRIBUTES), series)
        connection.execute(sa.insert(INSTANCE_ATTRIBUTES), instances)
        # PostgreSQL does so by itself within a minute; until then it plans by what was here before.
        connection.execute(sa.text("ANALYZE"))


@pytest.mark.slow
def test_one_patient_is_found_among_a_hundred_thousand_instances(engine: sa.Engine) -> None:
    fill(engine)
    search = ObjectSearch(engine)
    for level, count in ((Level.STUDY, 1), (Level.SERIES, 1), (Level.INSTANCE, PER_STUDY)):
        times = []
        for number in range(0, STUDIES, STUDIES // 5):
            query = read_search([("PatientID", f"P{number:05d}")], Reading(most=100)).query
            begun = time.perf_counter()
            found = search.find(level, query, Window(limit=100))
            times.append(time.perf_counter() - begun)
            assert len(found.found) == count
        assert statistics.median(times) < LIMIT, level
    # Instances of all studies: what each has and what none has, and a class that all are of.
    for asked, count in (
        (("Columns", "512"), 100),
        (("Columns", "77"), 0),
        (("Modality", "CT"), 100),
        (("Modality", "XX"), 0),
        (("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), 100),
    ):
        query = read_search([asked], Reading(most=100)).query
        clocked = [_seconds(search, query, count) for _ in range(3)]
        assert min(clocked) < LIMIT, asked


def _seconds(search: ObjectSearch, query: Query, count: int) -> float:
    begun = time.perf_counter()
    assert len(search.find(Level.INSTANCE, query, Window(limit=100)).found) == count
    return time.perf_counter() - begun
