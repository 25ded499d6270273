"""What models said as a whole, as JSON by schema, with the rows that are made of it.

This knows the values of every kind of model, which need its libraries; what only reads rows is
quicker without them, so that `Hotbase` imports this where it is asked for one.
"""

import logging
from datetime import datetime

import sqlalchemy as sa

from ai_engine.result import Result
from dicom_node.persistence.corridor.result_rows import result_rows
from dicom_node.persistence.corridor.tables import PREDICTIONS
from dicom_node.persistence.upsert import insert_or_replace
from dicom_node.workflow.written_values import UnreadableValueError, read_value, write_value

_LOG = logging.getLogger(__name__)


def keep(connection: sa.Connection, job_id: str, prediction: Result, *, at: datetime) -> None:
    """Record findings, measurements and refusals, and the whole; repeating changes nothing."""
    tag, value = write_value(prediction)
    whole = {"job_id": job_id, "tag": tag, "value": value, "kept_at": at}
    for table, rows in result_rows(job_id, prediction).items():
        insert_or_replace(connection, table, rows)
    insert_or_replace(connection, PREDICTIONS, [whole])


def kept(connection: sa.Connection, job_id: str) -> Result | None:
    """Return what a job's model said; None where it is no longer kept, or cannot be read."""
    query = sa.select(PREDICTIONS.c.tag, PREDICTIONS.c.value).where(PREDICTIONS.c.job_id == job_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    try:
        found: Result = read_value(row.tag, row.value)
    except UnreadableValueError as error:
        _LOG.warning("prediction not read job=%s reason=%r", job_id, str(error))
        return None
    return found
