"""What queries ask for is read from the files of rows that an earlier version indexed."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom.dataset import Dataset

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.attribute_tables import INSTANCE_ATTRIBUTES, NOTED_KEYS
from dicom_node.query.keys import Level
from dicom_node.query.parameters import Reading, read_search
from dicom_node.query.ports import Window
from sr_templates.evidence_kind import EvidenceKind
from tests.peers.objects import announcement, encoded, make_dataset
from tests.schema import give_schemas

COUNT = 450


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    made = Repositories(NodeSettings(data_dir=tmp_path))
    give_schemas(made)
    made.received.open()
    made.evidence.open()
    yield made
    made.close()


def stored(repositories: Repositories, number: int, **keywords: object) -> ReceivedInstance:
    """Store an object; the node has not indexed it yet."""
    dataset = make_dataset(number, **{"PatientID": f"P{number}", **keywords})
    return repositories.received.store(encoded(dataset), announcement(dataset)).instance


def as_before(instance: ReceivedInstance) -> ReceivedInstance:
    """An instance as the versions before indexed it: without attributes."""
    return replace(instance, attributes=None)


def found(repositories: Repositories, level: Level = Level.INSTANCE, **keys: str) -> list[str]:
    query = read_search(list(keys.items()), Reading(most=1000)).query
    matches = repositories.search.find(level, query, Window(limit=1000))
    tag = "00080018" if level is Level.INSTANCE else "0020000D"
    return [each[tag]["Value"][0] for each in matches.found]


def test_an_instance_is_found_as_soon_as_it_is_indexed(repositories: Repositories) -> None:
    instance = stored(repositories, 1)
    repositories.index.record([instance])
    assert found(repositories, PatientID="P1") == [instance.sop_instance_uid]
    assert repositories.describing.pending() == 0
    assert repositories.index.instances(instance.study_instance_uid)[0].attributes is None


@pytest.mark.slow
def test_old_rows_are_read_page_by_page_and_go_on_where_they_were_stopped(
    repositories: Repositories,
) -> None:
    instances = [stored(repositories, number) for number in range(COUNT)]
    repositories.index.record([as_before(each) for each in instances])
    assert found(repositories) == []
    pages: list[int] = []

    def stop_after_one(rows: int) -> None:
        pages.append(rows)
        repositories.describing.stop()

    assert repositories.describing.run(stop_after_one) == pages[0] < COUNT
    assert repositories.describing.pending() == COUNT - pages[0]
    again = Repositories(repositories.settings)  # the node is started anew
    assert again.describing.run(pages.append) == COUNT - pages[0]
    assert sum(pages) == COUNT
    assert again.describing.run() == 0
    assert sorted(found(again)) == sorted(each.sop_instance_uid for each in instances)


def test_a_row_whose_file_is_gone_is_found_by_what_the_index_knows(
    repositories: Repositories,
) -> None:
    instance = stored(repositories, 1, SeriesDescription="Thorax")
    repositories.index.record([as_before(instance)])
    repositories.received.path(instance).unlink()
    assert repositories.describing.run() == 1
    assert found(repositories, SeriesDescription="Thorax") == [instance.sop_instance_uid]
    assert found(repositories, PatientID="P1") == []


def test_what_an_earlier_version_writes_is_found_before_and_after_it_is_noted(
    repositories: Repositories,
) -> None:
    instance = stored(repositories, 1)
    repositories.index.record([instance])
    unnoted = dict.fromkeys((key.column for key in NOTED_KEYS), None) | {"noted": False}
    with repositories.engine.begin() as connection:
        connection.execute(sa.update(INSTANCE_ATTRIBUTES).values(unnoted))
    rows = str(instance.header.rows)
    assert found(repositories, Rows=rows) == [instance.sop_instance_uid]
    assert repositories.describing.pending() == 1
    assert [repositories.describing.run(), repositories.describing.run()] == [1, 0]
    assert repositories.describing.pending() == 0
    assert found(repositories, Rows=rows) == [instance.sop_instance_uid]
    with repositories.engine.connect() as connection:
        noted = connection.scalar(sa.select(INSTANCE_ATTRIBUTES.c["rows"]))
    assert noted == f"\\{rows}\\"


def evidence(repositories: Repositories, dataset: Dataset, *problems: str) -> EvidenceObject:
    return EvidenceObject(
        sop_instance_uid=dataset.SOPInstanceUID,
        sop_class_uid=dataset.SOPClassUID,
        series_instance_uid=dataset.SeriesInstanceUID,
        kind=EvidenceKind.SR,
        job_id="1" * 32,
        path=repositories.objects.keep(dataset),
        problems=problems,
    )


def test_what_the_node_makes_is_found_and_what_the_gate_holds_is_not(
    repositories: Repositories,
) -> None:
    source = stored(repositories, 1)
    repositories.index.record([source])
    with repositories.engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO jobs VALUES (:job, :study, 1, 'r', 'm', '1', 'w', '[]', 'done', "
                ":now, NULL, '')"
            ),
            {"job": "1" * 32, "study": source.study_instance_uid, "now": utc_now().isoformat(" ")},
        )
    dataset = make_dataset(2, Modality="SR", SeriesInstanceUID="1.2.9", PatientID="P1")
    repositories.hotbase.keep_evidence([evidence(repositories, dataset)])
    assert found(repositories, Modality="SR") == [dataset.SOPInstanceUID]
    assert found(repositories, Level.STUDY, ModalitiesInStudy="SR") == [source.study_instance_uid]
    repositories.hotbase.keep_evidence([evidence(repositories, dataset, "a wrong UID")])
    assert found(repositories, Modality="SR") == []
    repositories.hotbase.keep_evidence([evidence(repositories, dataset)])
    assert found(repositories, Modality="SR") == [dataset.SOPInstanceUID]


def test_a_rebuilt_index_forgets_what_its_files_no_longer_say(repositories: Repositories) -> None:
    instances = [stored(repositories, number) for number in (1, 2)]
    repositories.index.record(instances)
    repositories.index.clear()
    with repositories.engine.connect() as connection:
        assert connection.execute(sa.select(INSTANCE_ATTRIBUTES)).all() == []
    repositories.index.record(instances[:1])
    assert found(repositories) == [instances[0].sop_instance_uid]


def test_who_a_patient_is_is_in_no_representation_of_an_instance(
    repositories: Repositories,
) -> None:
    instance = stored(repositories, 1, PatientName="Secret^Name")
    assert instance.attributes is not None
    assert "Secret" in instance.attributes.study
    assert "Secret" not in repr(instance)
    assert "Secret" not in repr(instance.attributes)
