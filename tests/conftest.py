"""What every test can use."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings

from dicom_node.network.libraries import set_up_dicom_libraries
from dicom_node.persistence.database import make_engine
from tests.peers.forked import forked_keras
from tests.schema import give_schema

pytest_plugins = ["tests.peers.fixtures"]


def pytest_configure(config: pytest.Config) -> None:
    """Set the DICOM libraries up as every process of the node does, and let examples take time."""
    gc.disable()  # until all is collected: what is imported and collected is no garbage
    set_up_dicom_libraries()
    # Several processes of tests share the cores: more threads in each wait by turning in circles.
    for threads in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(threads, "1")
    # How long an example takes says what else the machine does, not what the code is.
    settings.register_profile("random", deadline=None)
    # The same examples wherever the same test runs: what has passed here passes elsewhere, too.
    settings.register_profile("node", deadline=None, derandomize=True)
    if not config.getoption("hypothesis_profile", None):
        settings.load_profile("node")


@pytest.fixture(autouse=True, scope="session")
def _keras_at_hand() -> Iterator[None]:
    """Fork the processes in which Keras runs on OpenVINO: to start one takes two seconds."""
    with forked_keras():
        yield


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database with the current schema."""
    made = make_engine(f"sqlite:///{tmp_path / 'hotbase.sqlite'}")
    give_schema(made)
    yield made
    made.dispose()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Turn a skip for a missing peer into a failure where peers are required (in CI)."""
    report = yield
    if (
        report.skipped
        and os.environ.get("DICOM_NODE_REQUIRE_PEERS")
        and "installed" in str(report.longrepr)
    ):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs a peer that is not installed: {report.longrepr}"
    return report


def pytest_collection_finish() -> None:
    """Keep what has been imported and collected out of every later search for garbage."""
    gc.collect()
    gc.freeze()
    gc.enable()
