"""The parts of patients, and the frozen sets that models are measured on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.held_out import HeldOutImage, Part
from dicom_node.persistence.upsert import insert_or_ignore
from dicom_node.persistence.warehouse.tables import HELD_OUT_IMAGES, PATIENT_PARTS


class HeldOutStore:
    """Rows that are only ever added: what was held out once is never trained on."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def assign(self, parts: Mapping[str, Part], *, at: datetime) -> Mapping[str, Part]:
        """Keep the parts of patients who have none; return the part of each."""
        rows = [
            {"patient_key": patient, "part": part.value, "assigned_at": at}
            for patient, part in parts.items()
        ]
        with self._engine.begin() as connection:
            insert_or_ignore(connection, PATIENT_PARTS, rows)
            kept = connection.execute(sa.select(PATIENT_PARTS.c.patient_key, PATIENT_PARTS.c.part))
            return {patient: Part(part) for patient, part in kept if patient in parts}

    def freeze(self, images: Sequence[HeldOutImage]) -> None:
        """Keep the images of frozen sets; those that are there stay as they are."""
        with self._engine.begin() as connection:
            insert_or_ignore(connection, HELD_OUT_IMAGES, [asdict(each) for each in images])

    def frozen(self, model_name: str) -> tuple[HeldOutImage, ...]:
        """Return the frozen sets of a model, by device."""
        query = (
            sa.select(HELD_OUT_IMAGES)
            .where(HELD_OUT_IMAGES.c.model_name == model_name)
            .order_by(HELD_OUT_IMAGES.c.device_id, HELD_OUT_IMAGES.c.sop_instance_uid)
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple(HeldOutImage(**row) for row in connection.execute(query).mappings())
