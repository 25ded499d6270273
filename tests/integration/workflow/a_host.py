"""A host of its own process: real rows, queues, signs of life and relief, and a study of 2 steps.

Run as ``python -m tests.integration.workflow.a_host SETTINGS`` with the settings as JSON; it works
until its input ends. What each step does is a row in the table ``effects``.
"""

import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from dicom_node import __version__
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.study import StudyState
from dicom_node.node.engine_settings import contract
from dicom_node.node.hosts import Cluster
from dicom_node.node.relief import LeftAssociations
from dicom_node.node.repositories import Repositories
from dicom_node.node.work import Sharing, Work
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.slots import Slots
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import DurableSteps

EFFECTS = sa.Table(
    "effects",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.String(64)),
    sa.Column("step", sa.String(16)),
    sa.Column("host", sa.String(64)),
)
HELD = "held"
"""A file of this name in a host's folder keeps its steps from ending."""
_STEP_SECONDS = 1.0
_PLACES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a host is made of."""

    repositories: Repositories
    cluster: Cluster
    sharing: Sharing
    completion: Completion


def make_parts(settings: NodeSettings) -> Parts:
    """Open the databases and put completion together as the node does."""
    repositories = Repositories(settings)
    cluster = Cluster(
        settings, repositories.hosts, version=__version__, contract=contract().version
    )
    sharing = Sharing(cluster, repositories, alive=frozenset)
    completion = Completion(
        index=repositories.index,
        results=repositories.hotbase,
        ae_titles=repositories.ae_titles,
        is_carried=sharing.associations.carries,
        patience=1.0,
        clock=cluster.clock,
        expected=sharing.expected,
    )
    return Parts(repositories=repositories, cluster=cluster, sharing=sharing, completion=completion)


class TwoSteps:
    """A corridor that does as little as shows who did it, and how often."""

    giving_up = None

    def __init__(self, parts: Parts) -> None:
        self.completion = parts.completion
        self.slots = Slots(_PLACES)
        self._parts = parts
        self._held = parts.repositories.settings.data_dir / HELD

    def analyse(self, study_instance_uid: str, steps: DurableSteps) -> None:
        """Claim the study, work on it for a while in two steps, and finish it."""
        study = steps.run("complete", self.completion.claim, study_instance_uid, steps.workflow_id)
        if study is None:
            return
        for step in ("first", "second"):
            steps.run(step, self._work, study_instance_uid, step)
        index = self._parts.repositories.index
        steps.run("finish", index.finish, study, StudyState.ANALYSED)

    def _work(self, study: str, step: str) -> None:
        host = self._parts.cluster.executor_id
        with self._parts.repositories.engine.begin() as connection:
            connection.execute(sa.insert(EFFECTS).values(study=study, step=step, host=host))
        time.sleep(_STEP_SECONDS)
        while self._held.exists():
            time.sleep(0.05)


def main() -> None:
    """Work until the input ends."""
    settings = NodeSettings.model_validate_json(sys.argv[1])
    parts = make_parts(settings)
    corridor = TwoSteps(parts)
    parts.cluster.start()
    work = Work(
        settings,
        parts.cluster,
        parts.repositories,
        cast("Corridor", corridor),
        stage=lambda _name: nullcontext(),
    )
    parts.completion.start_with(work.workflows)
    work.start()
    assert parts.sharing.shared is not None
    left = LeftAssociations(
        parts.sharing.shared, index=parts.repositories.index, completion=parts.completion
    )
    parts.cluster.look_after(work.relief(left, lambda _missed: None), status=lambda: "ok")
    print("works", flush=True)
    sys.stdin.read()
    work.workflows.stop(1)
    parts.cluster.stop()


if __name__ == "__main__":
    main()
