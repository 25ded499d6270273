"""A host among others: it gives signs of life whatever it does, and takes over with care."""

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role, Sign
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.node.hosts import Cluster
from dicom_node.node.relief import Relief
from dicom_node.persistence.host_tables import HOSTS
from dicom_node.persistence.hosts import HostStore
from tests.peers.process import wait_until

_URL = "postgresql://node@127.0.0.1/node"
_LONG = 60.0


@pytest.fixture
def cluster(engine: sa.Engine, tmp_path: Path) -> Iterator[Cluster]:
    """A host whose settings share a database; its rows are in one that is at hand."""
    values = {
        "data_dir": tmp_path,
        "database": {"url": _URL, "warehouse_url": _URL},
        "hosts": {"role": "worker", "beat": 0.05, "dead_after": 20.0},
        "workflow": {"executor_id": "here"},
    }
    made = Cluster(
        NodeSettings.model_validate(values), HostStore(engine), version="1", contract="c"
    )
    yield made
    made.stop()


def beat_again(engine: sa.Engine) -> None:
    """Have the host been silent for long, and wait for its next sign of life."""
    with engine.begin() as connection:
        connection.execute(sa.update(HOSTS).values(beat=0.0))

    def has_beaten() -> bool:
        with engine.connect() as connection:
            return bool(connection.scalar(sa.select(HOSTS.c.beat)))

    wait_until(has_beaten, "another sign of life", _LONG)


def test_a_host_is_alive_while_it_starts(engine: sa.Engine, cluster: Cluster) -> None:
    cluster.start()
    beat_again(engine)


def test_a_host_is_alive_while_it_reads_what_a_dead_one_stored(
    engine: sa.Engine, cluster: Cluster
) -> None:
    reads, is_read, looks = threading.Event(), threading.Event(), threading.Event()

    def read() -> None:
        reads.set()
        is_read.wait(_LONG)

    cluster.start()
    cluster.look_after((read, looks.set), status=lambda: "ok")
    assert reads.wait(_LONG)
    looks.clear()
    beat_again(engine)
    assert looks.wait(_LONG), "the work of others is taken over meanwhile"
    is_read.set()


def test_a_host_is_relieved_only_when_all_it_stored_is_indexed(
    engine: sa.Engine, cluster: Cluster, tmp_path: Path
) -> None:
    store = HostStore(engine)
    store.beat(
        Sign(executor_id="there", role=Role.RECEIVER, name="there", version="1", contract="c")
    )
    with engine.begin() as connection:
        connection.execute(sa.update(HOSTS).values(beat=HOSTS.c.beat - 60))
    answers: list[Exception | None] = [sa.exc.OperationalError("INSERT", {}, Exception()), None]
    asked: list[int] = []

    def reconcile(stored: Iterable[ReceivedInstance]) -> None:
        asked.append(len(list(stored)))
        if (answer := answers.pop(0)) is not None:
            raise answer

    nothing: Callable[..., Any] = lambda *_: frozenset()  # noqa: E731
    received = StorageArchive(ArchiveSettings(root=tmp_path / "received"))
    received.open()
    relief = Relief(
        cluster=cluster,
        store=store,
        silent=20.0,
        workflows=cast("Any", SimpleNamespace(take_over=nothing)),
        rows=cast("Any", SimpleNamespace(executors=nothing)),
        are_running=nothing,
        left=cast("Any", SimpleNamespace(take_over=nothing)),
        archives=(received,),
        reconcile=reconcile,
        release_commitments=nothing,
    )
    with pytest.raises(sa.exc.OperationalError):
        relief.index()
    assert not store.all()[0].is_relieved, "it is asked for again"
    relief.index()
    assert store.all()[0].is_relieved
    relief.index()
    assert asked == [0, 0], "once done, it is done"
