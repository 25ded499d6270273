"""Signs of life, the lease of what is done once for all hosts, and what associations carry."""

import pytest
import sqlalchemy as sa

from dicom_node.domain.host import Role, Sign
from dicom_node.persistence.corridor.carried import Carried, ExpectedRows, SharedAssociations
from dicom_node.persistence.host_tables import HOSTS, LEASES
from dicom_node.persistence.hosts import HostStore


def a_sign(executor_id: str, role: Role = Role.WORKER) -> Sign:
    return Sign(
        executor_id=executor_id, role=role, name=f"of {executor_id}", version="1", contract="c"
    )


def let_pass(engine: sa.Engine, seconds: float) -> None:
    """Have everything happened so much longer ago, by the database's clock."""
    with engine.begin() as connection:
        connection.execute(sa.update(HOSTS).values(beat=HOSTS.c.beat - seconds))
        connection.execute(sa.update(LEASES).values(until=LEASES.c.until - seconds))


def test_a_host_is_silent_since_its_last_sign_of_life(engine: sa.Engine) -> None:
    store = HostStore(engine)
    store.beat(a_sign("a"))
    store.beat(a_sign("b", Role.RECEIVER))
    let_pass(engine, 30)
    store.beat(a_sign("b", Role.RECEIVER))
    first, second = store.all()
    assert (first.sign, second.sign) == (a_sign("a"), a_sign("b", Role.RECEIVER))
    assert 30 <= first.silent < 40
    assert second.silent < 10


def test_a_host_that_comes_back_is_no_longer_relieved(engine: sa.Engine) -> None:
    store = HostStore(engine)
    store.beat(a_sign("a"))
    store.relieve("a", silent=20)
    assert not store.all()[0].is_relieved, "it gave a sign of life meanwhile"
    let_pass(engine, 30)
    store.relieve("a", silent=20)
    assert store.all()[0].is_relieved
    store.beat(a_sign("a"))
    assert not store.all()[0].is_relieved


def test_a_lease_is_one_host_s_until_it_ends(engine: sa.Engine) -> None:
    store = HostStore(engine)
    assert store.hold("scheduler", "a", seconds=15)
    assert not store.hold("scheduler", "b", seconds=15)
    let_pass(engine, 10)
    assert store.hold("scheduler", "a", seconds=15), "held for longer"
    let_pass(engine, 10)
    assert not store.hold("scheduler", "b", seconds=15)
    let_pass(engine, 10)
    assert store.hold("scheduler", "b", seconds=15)
    assert not store.hold("scheduler", "a", seconds=15)


def test_who_leaves_leaves_the_lease_too(engine: sa.Engine) -> None:
    store = HostStore(engine)
    store.beat(a_sign("a"))
    store.hold("scheduler", "a", seconds=15)
    store.leave("a")
    assert store.all() == ()
    assert store.hold("scheduler", "b", seconds=15)


def test_what_an_association_carries_is_known_to_all_hosts_until_it_ends(
    engine: sa.Engine,
) -> None:
    here, there = SharedAssociations(engine, "a"), SharedAssociations(engine, "b")
    here.opened("1", "CR1")
    there.opened("2", "CR2")
    here.carried([("1", "1.2"), ("1", "1.2"), ("1", "1.3")])
    there.carried([("2", "1.2")])
    assert there.carries("1.3")
    assert here.closed("1") == {"1.2", "1.3"}
    assert not there.carries("1.3")
    assert here.carries("1.2"), "the other association still brings it"
    assert there.closed("2") == {"1.2"}
    assert not here.carries("1.2")


def test_what_a_dead_host_was_receiving_is_taken_over_once(engine: sa.Engine) -> None:
    here, dead = SharedAssociations(engine, "a"), SharedAssociations(engine, "b")
    dead.opened("2", "CR2")
    dead.carried([("2", "1.2")])
    assert here.settle() == (), "that of another host is no business of its own restart"
    left = Carried(association_id="2", study_instance_uid="1.2", calling_ae="CR2")
    assert here.left_by(["b"]) == (left,)
    assert here.left_by(["b"]) == ()


def test_a_restarted_host_finds_what_it_was_receiving(engine: sa.Engine) -> None:
    before = SharedAssociations(engine, "a")
    before.opened("1", "CR1")
    before.carried([("1", "1.2")])
    after = SharedAssociations(engine, "a")
    after.opened("9", "CR1")
    after.carried([("9", "1.9")])
    left = Carried(association_id="1", study_instance_uid="1.2", calling_ae="CR1")
    assert after.settle() == (left,)
    assert after.carries("1.9")


def test_what_an_association_brought_is_known_where_no_row_could_be_written(
    engine: sa.Engine,
) -> None:
    here = SharedAssociations(engine, "a")
    here.opened("1", "CR1")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE carried RENAME TO away"))
    try:
        with pytest.raises(sa.exc.SQLAlchemyError):
            here.carried([("1", "1.2")])
    finally:  # other tests get the database
        with engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE away RENAME TO carried"))
    here.carried([("1", "1.2")])
    assert here.carries("1.2")
    assert here.closed("1") == {"1.2"}
    assert not here.carries("1.2")


def test_an_association_that_is_just_ending_was_not_forgotten(engine: sa.Engine) -> None:
    here = SharedAssociations(engine, "a")
    here.opened("1", "CR1")
    here.carried([("1", "1.2")])
    settled: list[tuple[Carried, ...]] = []

    def sweep_meanwhile(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("DELETE"):
            settled.append(here.settle())

    sa.event.listen(engine, "before_cursor_execute", sweep_meanwhile)
    assert here.closed("1") == {"1.2"}
    assert settled == [()]


def test_a_study_is_waiting_for_as_long_as_its_workflow_is_alive(engine: sa.Engine) -> None:
    alive = {"w1", "w2"}
    expected = ExpectedRows(engine, alive=lambda names: frozenset(alive.intersection(names)))
    expected.add("1.1", "w1")
    expected.add("1.2", "w2")
    studies = ["1.1", "1.2", "1.3"]
    assert expected.waiting(studies) == {"1.1", "1.2"}
    alive.remove("w2")
    expected.discard("1.1")
    assert expected.waiting(studies) == frozenset()
