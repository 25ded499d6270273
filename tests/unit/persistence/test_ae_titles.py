"""The table of AE titles."""

import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import Compression
from dicom_node.errors import NotFoundError
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.corridor.tables import AE_TITLES, AUDIT
from tests.unit.builders import EPOCH, an_entity


@pytest.fixture
def store(engine: sa.Engine) -> AeTitleStore:
    return AeTitleStore(engine)


def test_what_is_put_is_found_also_under_a_padded_title(store: AeTitleStore) -> None:
    store.put(an_entity("CR1"), actor="admin", at=EPOCH)
    assert store.find("CR1             ") == an_entity("CR1")


def test_an_unknown_title_is_none_or_a_clear_error(store: AeTitleStore) -> None:
    assert store.find("NOBODY") is None
    with pytest.raises(NotFoundError, match="`dicom-node ae list` shows"):
        store.get("NOBODY")
    with pytest.raises(NotFoundError):
        store.remove("NOBODY", actor="admin", at=EPOCH)


def test_putting_again_replaces(store: AeTitleStore) -> None:
    store.put(an_entity("CR1"), actor="admin", at=EPOCH)
    store.put(an_entity("CR1", port=4242), actor="admin", at=EPOCH)
    assert [each.port for each in store.all()] == [4242]


def test_every_change_is_audited(store: AeTitleStore, engine: sa.Engine) -> None:
    store.put(an_entity("CR1"), actor="admin", at=EPOCH)
    store.remove("CR1", actor="other", at=EPOCH)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(AUDIT.c.actor, AUDIT.c.action)).all()
    assert [tuple(row) for row in rows] == [("admin", "ae put"), ("other", "ae remove")]


def test_the_file_fills_an_empty_table_once(store: AeTitleStore) -> None:
    assert store.fill_if_empty([an_entity("CR1")], at=EPOCH) == 1
    assert store.fill_if_empty([an_entity("CR2")], at=EPOCH) == 0
    assert [each.title for each in store.all()] == ["CR1"]


def test_a_title_that_was_removed_does_not_come_back_from_the_file(store: AeTitleStore) -> None:
    store.fill_if_empty([an_entity("CR1")], at=EPOCH)
    store.remove("CR1", actor="admin", at=EPOCH)
    assert store.fill_if_empty([an_entity("CR1")], at=EPOCH) == 0
    assert store.all() == ()


def test_hosts_of_an_earlier_version_read_every_way_to_compress(
    store: AeTitleStore, engine: sa.Engine
) -> None:
    """They go on beside a newer one (ADR 0023), and know no word that came after them."""
    for compression in Compression:
        store.put(an_entity("CR1", compression=compression), actor="t", at=EPOCH)
        assert store.get("CR1").compression is compression
        with engine.connect() as connection:
            (kept,) = connection.scalars(sa.select(AE_TITLES.c.compression))
        assert kept in {"smallest", "jpeg-ls", "jpeg-2000", "rle", "none"}


def test_what_an_earlier_version_sets_is_what_holds(store: AeTitleStore, engine: sa.Engine) -> None:
    store.put(an_entity("CR1", compression=Compression.AUTOMATIC), actor="t", at=EPOCH)
    with engine.begin() as connection:
        connection.execute(sa.update(AE_TITLES).values(compression="rle"))
    assert store.get("CR1").compression is Compression.RLE


def test_the_audit_trail_names_the_way_that_was_chosen(
    store: AeTitleStore, engine: sa.Engine
) -> None:
    store.put(an_entity("CR1", compression=Compression.AUTOMATIC), actor="t", at=EPOCH)
    with engine.connect() as connection:
        (detail,) = connection.scalars(sa.select(AUDIT.c.detail))
    assert detail["compression"] == "automatic"
    assert "is_near_plain" not in detail
