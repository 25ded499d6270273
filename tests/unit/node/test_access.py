"""The policy of the receivers: AE titles of the database, from where their entries say."""

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import Operation
from dicom_node.domain.callers import CallerRefusedError
from dicom_node.network.access import AccessPolicy, AssociationRequest
from dicom_node.node import access
from dicom_node.node.access import Hosts, database_access
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.database import make_engine
from tests.unit.builders import EPOCH, an_entity


@pytest.fixture
def policy(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[AccessPolicy]:
    # A receiver's own connection ends with its process.
    own = make_engine(engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr(access, "make_engine", lambda _url: own)
    yield database_access("", "AINODE")
    own.dispose()


def asks(title: str, address: str = "127.0.0.1", certificate: str = "") -> AssociationRequest:
    return AssociationRequest(
        calling_ae=title, called_ae="AINODE", peer_address=address, certificate=certificate
    )


def test_a_new_entry_counts_from_its_own_host_alone(
    engine: sa.Engine, policy: AccessPolicy
) -> None:
    store = AeTitleStore(engine)
    store.put(an_entity("CR1", host="localhost"), actor="t", at=EPOCH)
    assert Operation.STORE in (policy(asks("CR1")) or ())
    with pytest.raises(CallerRefusedError, match=r"CR1 calls from 10\.0\.0\.9, and may call from"):
        policy(asks("CR1", "10.0.0.9"))
    store.put(an_entity("CR1", callers=("10.0.0.0/8",)), actor="t", at=EPOCH)
    assert policy(asks("CR1", "10.0.0.9"))
    assert policy(asks("STRANGER")) is None
    assert policy(asks("AINODE")) == {Operation.ECHO}


def test_entries_from_before_the_migration_go_on_calling_from_anywhere(
    engine: sa.Engine, policy: AccessPolicy
) -> None:
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO ae_titles (title, host, port, roles, destinations, quiet_period, "
                "evidence, description) VALUES ('OLD', '10.0.0.1', 104, '[\"modality\"]', '[]', 2, "
                "'[]', '')"
            )
        )
    assert policy(asks("OLD", "192.0.2.7"))


def test_a_name_server_is_asked_once_a_minute_and_again_while_it_says_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    answers: Callable[[str], tuple[str, ...]] = {"cr1": ("10.0.0.1",)}.get  # type: ignore[assignment]

    def resolved(host: str) -> tuple[str, ...]:
        asked.append(host)
        return answers(host) or ()

    monkeypatch.setattr(access, "_resolved", resolved)
    now = [0.0]
    hosts = Hosts(lambda: now[0])
    for seconds in (0.0, 30.0, 70.0):
        now[0] = seconds
        assert hosts.addresses("cr1") == ("10.0.0.1",)
        assert hosts.addresses("gone") == ()
    assert (asked.count("cr1"), asked.count("gone")) == (2, 3)
