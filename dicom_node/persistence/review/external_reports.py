"""Reports of other workstations, in the Hotbase."""

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.persistence.review.tables import EXTERNAL_REPORTS
from dicom_node.persistence.upsert import insert_or_ignore


class ExternalReportStore:
    """What came of each report that another workstation sent about a result of the node."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def known(self, sop_instance_uid: str) -> bool:
        """Whether a report has been looked at before."""
        return bool(self._found(EXTERNAL_REPORTS.c.sop_instance_uid == sop_instance_uid))

    def keep(self, report: ExternalReport) -> None:
        """Record what came of a report; the first word on it stays."""
        with self._engine.begin() as connection:
            insert_or_ignore(connection, EXTERNAL_REPORTS, [asdict(report)])

    def items_of(self, sop_instance_uids: Sequence[str]) -> dict[str, str]:
        """Return which of these objects are such reports, each with its item."""
        found = self._found(EXTERNAL_REPORTS.c.sop_instance_uid.in_(sop_instance_uids))
        return {each.sop_instance_uid: each.item_id for each in found}

    def closing(self, item_id: str) -> ExternalReport | None:
        """Return the report that closed an item, where one did."""
        found = self._found(
            sa.and_(EXTERNAL_REPORTS.c.item_id == item_id, EXTERNAL_REPORTS.c.closed.is_(sa.true()))
        )
        return found[0] if found else None

    def of_item(self, item_id: str) -> tuple[ExternalReport, ...]:
        """Return every report about an item, oldest first."""
        return self._found(EXTERNAL_REPORTS.c.item_id == item_id)

    def _found(self, condition: sa.ColumnElement[bool]) -> tuple[ExternalReport, ...]:
        with self._engine.connect().execution_options(read_only=True) as connection:
            return external_reports(connection, condition)


def external_reports(
    connection: sa.Connection, condition: sa.ColumnElement[bool]
) -> tuple[ExternalReport, ...]:
    """Return the reports that meet a condition, oldest first."""
    query = sa.select(EXTERNAL_REPORTS).where(condition).order_by(EXTERNAL_REPORTS.c.seen_at)
    return tuple(ExternalReport(**row) for row in connection.execute(query).mappings())
