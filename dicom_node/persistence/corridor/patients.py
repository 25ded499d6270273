"""Patients, made of their studies: the index keeps none of their own."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from pydicom.dataset import Dataset

from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.query.json_model import JsonAttributes
from dicom_node.query.keys import tag_of, vr_of
from dicom_node.query.sql import Condition

_STUDY = STUDY_ATTRIBUTES.c
_PATIENT_ID = f"{tag_of('PatientID'):08X}"
_COUNTS = {
    "NumberOfPatientRelatedStudies": (STUDY_ATTRIBUTES, None),
    "NumberOfPatientRelatedSeries": (SERIES_ATTRIBUTES, SERIES_ATTRIBUTES.c.study_instance_uid),
    "NumberOfPatientRelatedInstances": (
        INSTANCE_ATTRIBUTES,
        INSTANCE_ATTRIBUTES.c.study_instance_uid,
    ),
}


def is_identified() -> Condition:
    """Return the condition of studies whose patient has an identifier, and so is an entity."""
    return _STUDY.patient_id != ""


def first_studies(conditions: Sequence[Condition]) -> Condition:
    """Return the condition of one study of each patient, of those for which others hold."""
    first = (
        sa.select(sa.func.min(_STUDY.study_instance_uid))
        .where(is_identified(), *conditions)
        .group_by(_STUDY.patient_id)
    )
    return _STUDY.study_instance_uid.in_(first)


def one_of_each(studies: Iterable[JsonAttributes]) -> Iterator[JsonAttributes]:
    """Yield the first study of each patient; a patient's studies follow each other."""
    before: object = None
    for study in studies:
        patient = study.get(_PATIENT_ID)
        if patient != before:
            yield study
        before = patient


def add_counts(connection: sa.Connection, asked: Dataset, found: Sequence[dict[str, Any]]) -> None:
    """Add what is counted over the studies of each patient, where that was asked for."""
    ids = [str(each[_PATIENT_ID]["Value"][0]) for each in found]
    for keyword, (table, study) in _COUNTS.items():
        if tag_of(keyword) not in asked:
            continue
        joined: sa.FromClause = STUDY_ATTRIBUTES
        if study is not None:
            joined = joined.join(table, study == _STUDY.study_instance_uid)
        query = (
            sa.select(_STUDY.patient_id, sa.func.count().label("number"))
            .select_from(joined)
            .where(_STUDY.patient_id.in_(ids))
            .group_by(_STUDY.patient_id)
        )
        counts = {row.patient_id: row.number for row in connection.execute(query)}
        tag = tag_of(keyword)
        for each, patient in zip(found, ids, strict=True):
            each[f"{tag:08X}"] = {"vr": vr_of(tag), "Value": [counts.get(patient, 0)]}
