"""Everything that the Warehouse holds of a study, found and deleted."""

import sqlalchemy as sa

from dicom_node.persistence.warehouse.tables import (
    HELD_OUT_IMAGES,
    IMAGES,
    PATIENT_PARTS,
    RECORDS,
    SUPERSEDED_RECORDS,
    TRUTHS,
)

# In the order in which rows may go.
OF_RECORDS = (HELD_OUT_IMAGES, TRUTHS, IMAGES)


class WarehouseErasure:
    """Takes back what experts have validated of a study: nobody learns from it any more.

    What models and thresholds have learned from it already stays in them.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def paths(self, study: str) -> tuple[str, ...]:
        """Return the files of a study's validated images, below the Warehouse's folder."""
        records = sa.select(RECORDS.c.record_id).where(RECORDS.c.study_instance_uid == study)
        query = sa.select(IMAGES.c.path).where(IMAGES.c.record_id.in_(records)).distinct()
        aside = sa.select(SUPERSEDED_RECORDS.c.body).where(
            SUPERSEDED_RECORDS.c.study_instance_uid == study
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            paths = dict.fromkeys(path for path in connection.scalars(query) if path)
            for body in connection.scalars(aside):
                paths |= dict.fromkeys(each["path"] for each in body["images"] if each["path"])
            return tuple(paths)

    def erase(self, study: str) -> int:
        """Delete the records of a study; return how many there were."""
        records = sa.select(RECORDS.c.record_id).where(RECORDS.c.study_instance_uid == study)
        known = sa.select(TRUTHS.c.patient_key).union(sa.select(HELD_OUT_IMAGES.c.patient_key))
        with self._engine.begin() as connection:
            patients = tuple(
                connection.scalars(
                    sa.select(TRUTHS.c.patient_key).where(TRUTHS.c.record_id.in_(records))
                )
            )
            aside = SUPERSEDED_RECORDS.c.study_instance_uid == study
            bodies = connection.scalars(sa.select(SUPERSEDED_RECORDS.c.body).where(aside))
            patients += tuple(body["patient_key"] for body in bodies)
            for table in OF_RECORDS:
                connection.execute(sa.delete(table).where(table.c.record_id.in_(records)))
            connection.execute(
                sa.delete(PATIENT_PARTS).where(
                    PATIENT_PARTS.c.patient_key.in_(patients),
                    PATIENT_PARTS.c.patient_key.not_in(known),
                )
            )
            connection.execute(sa.delete(SUPERSEDED_RECORDS).where(aside))
            return connection.execute(
                sa.delete(RECORDS).where(RECORDS.c.study_instance_uid == study)
            ).rowcount
