"""The migrations make exactly the tables that the code uses."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pydantic import TypeAdapter

from dicom_node.domain.application_entity import Compression
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.errors import ConfigurationError
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.corridor.attribute_tables import INSTANCE_ATTRIBUTES, STUDY_ATTRIBUTES
from dicom_node.persistence.corridor.attributes import AttributeStore, study_row
from dicom_node.persistence.database import (
    MIGRATIONS,
    WAREHOUSE_MIGRATIONS,
    make_engine,
    migrate,
    schema_revision,
)
from dicom_node.persistence.schema import HOTBASE
from dicom_node.query import folding
from tests.unit.builders import EPOCH, an_entity, an_instance

pytestmark = pytest.mark.slow


def configuration(migrations: Path) -> Config:
    """What Alembic is told of a folder of migrations."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    return config


def bring_back(connection: sa.Connection, revision: str) -> None:
    """Make a database's tables those of an earlier revision."""
    config = configuration(MIGRATIONS)
    config.attributes["connection"] = connection
    command.downgrade(config, revision)


def test_the_migrated_schema_is_the_one_in_the_code(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), HOTBASE) == []


def test_migrating_again_changes_nothing(engine: sa.Engine) -> None:
    before = schema_revision(engine)
    migrate(engine)
    assert schema_revision(engine) == before
    assert before[0] == before[1]


@pytest.mark.parametrize("migrations", [MIGRATIONS, WAREHOUSE_MIGRATIONS])
def test_the_newest_revision_is_the_one_that_alembic_finds(
    migrations: Path, engine: sa.Engine
) -> None:
    newest = ScriptDirectory.from_config(configuration(migrations)).get_current_head()
    assert schema_revision(engine, migrations)[1] == newest


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://host/name"])
def test_a_url_that_cannot_be_used_says_what_to_give(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///FILE"):
        make_engine(url)


def test_rows_of_an_earlier_version_wait_to_be_described(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        bring_back(connection, "0013")
        connection.execute(
            sa.text("INSERT INTO studies VALUES ('1.2', 'analysed', 'CR1', 1, '', :at, :at, '');"),
            {"at": EPOCH.replace(tzinfo=None)},
        )
        connection.execute(
            sa.text(
                "INSERT INTO instances VALUES "
                "('1.2.1.1', '1.2', '1.2.1', 'CR1/a.dcm', 'd', :at, :received)"
            ),
            {
                "at": EPOCH.replace(tzinfo=None),
                "received": TypeAdapter(ReceivedInstance).dump_json(an_instance()).decode(),
            },
        )
    migrate(engine)
    assert AttributeStore(engine).count() == 1
    assert [each.sop_instance_uid for each in AttributeStore(engine).undescribed_instances(9)] == [
        an_instance().sop_instance_uid
    ]


def test_instances_of_an_earlier_version_are_noted_by_the_running_node(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        bring_back(connection, "0048")
        for uid, attributes in (("1.1", '{"00280010":{"vr":"US","Value":[512]}}'), ("1.2", "{}")):
            connection.execute(
                sa.text(
                    "INSERT INTO instance_attributes (sop_instance_uid, study_instance_uid, "
                    "series_instance_uid, sop_class_uid, transfer_syntax_uid, attributes) "
                    "VALUES (:uid, '1', '1', '1.3', '1.4', :attributes)"
                ),
                {"uid": uid, "attributes": attributes},
            )
    migrate(engine)
    store = AttributeStore(engine)
    assert store.count() == 2
    assert [store.note(1), store.note(9), store.note(9)] == [1, 1, 0]
    assert store.count() == 0
    with engine.connect() as connection:
        noted = connection.execute(
            sa.select(INSTANCE_ATTRIBUTES.c["rows"]).order_by(
                INSTANCE_ATTRIBUTES.c.sop_instance_uid
            )
        )
        assert noted.scalars().all() == ["\\512\\", ""]


@pytest.mark.peer
def test_the_index_of_notes_is_made_while_others_work_and_anew_where_it_was_broken_off(
    empty_postgres: str,
) -> None:
    engine, other = make_engine(empty_postgres), make_engine(empty_postgres)
    migrate(engine)
    with engine.begin() as connection:
        bring_back(connection, "0048")
    held = sa.text("SELECT mode FROM pg_locks WHERE relation = 'instance_attributes'::regclass")
    locks: list[list[str]] = []

    def look(_c: object, _k: object, statement: str, *_: object) -> None:
        if statement.startswith("CREATE INDEX CONCURRENTLY"):
            with other.connect() as connection:
                locks.append(list(connection.scalars(held)))
            if len(locks) == 1:
                raise InterruptedError

    sa.event.listen(engine, "before_cursor_execute", look)
    with pytest.raises(InterruptedError):
        migrate(engine)
    assert schema_revision(engine)[0] == "0048"
    migrate(engine)
    assert locks == [[], []]
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), HOTBASE) == []
    engine.dispose()
    other.dispose()


@pytest.mark.peer
def test_words_are_filled_while_others_work(
    empty_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine(empty_postgres)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(STUDY_ATTRIBUTES), study_row("1.1", "{}"))
        bring_back(connection, "0040")
    locks: set[str] = set()

    def looking(name: str) -> str:
        with engine.connect() as other:
            locks.update(
                other.scalars(
                    sa.text(
                        "SELECT mode FROM pg_locks WHERE relation = 'study_attributes'::regclass"
                    )
                )
            )
        return f"of {name}"

    monkeypatch.setattr(folding, "known_by", looking)
    migrate(engine)
    assert locks == {"RowShareLock"}
    with engine.connect() as connection:
        words = connection.scalar(sa.select(STUDY_ATTRIBUTES.c.patient_name_words))
    assert words == "of =="
    engine.dispose()


@pytest.mark.peer
def test_hosts_that_start_together_both_find_the_schema_made(empty_postgres: str) -> None:
    engines = [make_engine(empty_postgres) for _ in range(3)]
    migrate(engines[0])
    with engines[0].begin() as connection:
        bring_back(connection, "0048")
    with ThreadPoolExecutor(3) as hosts:
        list(hosts.map(migrate, engines))
    with engines[0].connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), HOTBASE) == []
        left = connection.scalar(
            sa.text(
                "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database "
                "WHERE locktype = 'advisory' AND datname = current_database()"
            )
        )
    assert left == 0
    for each in engines:
        each.dispose()


def test_an_entry_that_was_automatic_by_name_stays_so(engine: sa.Engine) -> None:
    AeTitleStore(engine).put(an_entity("CR1"), actor="t", at=EPOCH)
    with engine.begin() as connection:
        bring_back(connection, "0049")
        connection.execute(sa.text("UPDATE ae_titles SET compression = 'automatic'"))
    migrate(engine)
    assert AeTitleStore(engine).get("CR1").compression is Compression.AUTOMATIC
