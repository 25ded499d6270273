"""The rows of the workflow store are looked at beside whoever writes to it."""

from pathlib import Path

import sqlalchemy as sa

from dicom_node.persistence.database import make_engine
from dicom_node.persistence.workflow_rows import WorkflowRowStore


def test_a_look_for_unfinished_work_waits_for_no_writer(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'workflows.sqlite'}"
    writer = make_engine(url)
    with writer.begin() as connection:
        connection.execute(
            sa.text("CREATE TABLE workflow_status (workflow_uuid, status, executor_id)")
        )
        connection.execute(sa.text("INSERT INTO workflow_status VALUES ('1', 'PENDING', 'here')"))
    with writer.begin(), WorkflowRowStore(url) as rows:
        assert rows.any_unfinished()
        assert rows.executors() == {"here"}
    writer.dispose()
