"""Who studies are of, and the search for them by what people remember of a patient."""

import json
import re
from collections.abc import Collection, Iterator, Mapping

import sqlalchemy as sa

from dicom_node.domain.subject import Subject
from dicom_node.persistence.corridor.attribute_tables import STUDY_ATTRIBUTES
from dicom_node.query.folding import GROUP_SUFFIXES, folded
from dicom_node.query.json_model import JsonAttributes, JsonEntity
from dicom_node.query.keys import tag_of
from dicom_node.query.sql import Condition, text_condition

_STUDIES = STUDY_ATTRIBUTES.c
_KEYS = {
    "patient_name": tag_of("PatientName"),
    "patient_id": tag_of("PatientID"),
    "issuer_of_patient_id": tag_of("IssuerOfPatientID"),
    "patient_birth_date": tag_of("PatientBirthDate"),
    "patient_sex": tag_of("PatientSex"),
    "patient_age": tag_of("PatientAge"),
    "accession_number": tag_of("AccessionNumber"),
    "study_id": tag_of("StudyID"),
    "study_date": tag_of("StudyDate"),
    "study_time": tag_of("StudyTime"),
    "study_description": tag_of("StudyDescription"),
    "referring_physician_name": tag_of("ReferringPhysicianName"),
    "admission_id": tag_of("AdmissionID"),
}
_PAUSES = re.compile(r"[\s,^=*?\[\]]+")
_BEGINS_A_WORD = " ^-'"


class SubjectStore:
    """Who studies are of, from the attributes of their first images."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, studies: Collection[str]) -> Mapping[str, Subject]:
        """Return who studies are of; of one that is not described, nothing is known yet."""
        with self._read() as connection:
            return subjects_of(connection, studies)

    def studies_of(self, words: str, most: int) -> frozenset[str]:
        """Return at most ``most`` studies that words are about.

        They are the beginning of a Patient ID or Accession Number, a Study Instance UID, or what
        a patient's name begins with (``ivanov``, ``Ivanov, Anna``), without case and accents.
        Where nothing begins so, the words may stand anywhere in the name, in any order.
        """
        with self._read() as connection:
            for queries in (self._beginning(words), self._within(words)):
                found: set[str] = set()
                for query in queries:
                    found |= set(connection.scalars(query.limit(most - len(found))))
                    if len(found) >= most:
                        break
                if found:
                    return frozenset(found)
        return frozenset()

    def _beginning(self, words: str) -> Iterator[sa.Select[tuple[str]]]:
        plain = _without_wildcards(words)
        if not plain:
            return
        yield self._select(_STUDIES.study_instance_uid == plain)
        for column in (_STUDIES.patient_id, _STUDIES.accession_number):
            yield self._select(self._like(column, f"{plain}*"))
        if parts := _parts(words):
            for suffix in GROUP_SUFFIXES:
                column = _STUDIES[f"patient_name{suffix}"]
                yield self._select(self._like(column, f"{'*'.join(parts)}*"))

    def _within(self, words: str) -> Iterator[sa.Select[tuple[str]]]:
        if not (parts := _parts(words)):
            return
        for suffix in GROUP_SUFFIXES:
            column = _STUDIES[f"patient_name{suffix}"]
            each = [
                sa.or_(
                    self._like(column, f"{part}*"),
                    *(self._like(column, f"*{before}{part}*") for before in _BEGINS_A_WORD),
                )
                for part in parts
            ]
            yield self._select(sa.and_(column != "", *each))

    def _select(self, condition: Condition) -> sa.Select[tuple[str]]:
        return sa.select(_STUDIES.study_instance_uid).where(condition)

    def _like(self, column: sa.ColumnElement[str], pattern: str) -> Condition:
        return text_condition(column, pattern, self._engine.dialect.name)

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def subjects_of(connection: sa.Connection, studies: Collection[str]) -> dict[str, Subject]:
    """Return who studies are of; of one that is not described, nothing is known yet."""
    query = sa.select(_STUDIES.study_instance_uid, _STUDIES.attributes)
    found = connection.execute(query.where(_STUDIES.study_instance_uid.in_(studies)))
    known = {uid: _subject(uid, json.loads(attributes)) for uid, attributes in found}
    return {uid: known.get(uid, Subject(study_instance_uid=uid)) for uid in studies}


def _subject(study_instance_uid: str, attributes: JsonAttributes) -> Subject:
    entity = JsonEntity(attributes)
    known = {name: next(iter(entity.texts(tag)), "") for name, tag in _KEYS.items()}
    return Subject(study_instance_uid=study_instance_uid, **known)


def _without_wildcards(words: str) -> str:
    return re.sub(r"[*?]", "", words).strip()


def _parts(words: str) -> list[str]:
    return [part for part in _PAUSES.split(folded(words)) if part]
