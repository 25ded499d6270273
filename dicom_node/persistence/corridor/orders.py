"""Orders that a worklist had for studies whose images name none."""

from datetime import datetime

import sqlalchemy as sa
from pydantic import TypeAdapter
from pydicom.dataset import Dataset

from dicom_node.domain.imaging_order import ImagingOrder
from dicom_node.persistence.corridor.order_tables import IMAGING_ORDERS
from dicom_node.persistence.upsert import insert_or_replace
from sr_templates.requesting import add_request

_ROW = IMAGING_ORDERS.c
_JSON = TypeAdapter(ImagingOrder)


class ImagingOrderStore:
    """What worklists have answered, by study."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def asked(self, study_instance_uid: str) -> bool:
        """Whether a worklist has answered for a study."""
        return self._row(study_instance_uid) is not None

    def of_study(self, study_instance_uid: str) -> ImagingOrder | None:
        """Return the order that was found for a study."""
        row = self._row(study_instance_uid)
        return _JSON.validate_python(row.found) if row is not None and row.found else None

    def keep(self, study_instance_uid: str, order: ImagingOrder | None, *, at: datetime) -> None:
        """Record what a worklist has answered for a study."""
        row = {
            "study_instance_uid": study_instance_uid,
            "found": _JSON.dump_python(order, mode="json") if order is not None else None,
            "asked_at": at,
        }
        with self._engine.begin() as connection:
            insert_or_replace(connection, IMAGING_ORDERS, [row])

    def amended(self, header: Dataset) -> Dataset:
        """Return a received header with the order of its study, where it names none."""
        if str(header.get("AccessionNumber") or "").strip():
            return header
        order = self.of_study(str(header.get("StudyInstanceUID") or ""))
        return header if order is None else add_request(header, order.procedure)

    def _row(self, study_instance_uid: str) -> sa.Row[tuple[object, ...]] | None:
        query = sa.select(IMAGING_ORDERS).where(_ROW.study_instance_uid == study_instance_uid)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return connection.execute(query).first()
