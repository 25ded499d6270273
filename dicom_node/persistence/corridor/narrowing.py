"""What a database can say of the keys of a search, as conditions on the tables of attributes."""

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from dicom_node.persistence.corridor.attribute_tables import (
    INSTANCE_ATTRIBUTES,
    SERIES_ATTRIBUTES,
    STUDY_ATTRIBUTES,
)
from dicom_node.persistence.corridor.instance_search import Asked
from dicom_node.persistence.corridor.unseen import Unseen
from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.keys import Level, QueryKey, archive_keys, tag_of
from dicom_node.query.matching import CombinedKey, Key
from dicom_node.query.notes import combined_note_condition, note_condition
from dicom_node.query.sql import (
    Columns,
    Condition,
    combined_condition,
    combined_mention,
    condition,
    is_exact,
    mentioned,
)

_STUDY, _SERIES, _INSTANCE = STUDY_ATTRIBUTES.c, SERIES_ATTRIBUTES.c, INSTANCE_ATTRIBUTES.c
_TABLES = {
    Level.PATIENT: (STUDY_ATTRIBUTES,),
    Level.STUDY: (STUDY_ATTRIBUTES,),
    Level.SERIES: (STUDY_ATTRIBUTES, SERIES_ATTRIBUTES),
    Level.INSTANCE: (STUDY_ATTRIBUTES, SERIES_ATTRIBUTES, INSTANCE_ATTRIBUTES),
}
_IN_STUDY = {"ModalitiesInStudy": SERIES_ATTRIBUTES, "SOPClassesInStudy": INSTANCE_ATTRIBUTES}
_TEXTS: Mapping[Level, sa.ColumnElement[str]] = {
    Level.PATIENT: _STUDY.attributes,
    Level.STUDY: _STUDY.attributes,
    Level.SERIES: _SERIES.attributes,
    Level.INSTANCE: _INSTANCE.attributes,
}


def narrowed(key: Key | CombinedKey, level: Level, unseen: Unseen) -> tuple[Condition, bool]:
    """Return what the database can say of a key, and whether that is all there is to say."""
    dialect = unseen.dialect
    described = _described(key.date if isinstance(key, CombinedKey) else key, level)
    if isinstance(key, CombinedKey):
        _described(key.time, level)
    if described.path in _IN_STUDY and isinstance(key, Key):
        return _in_study(key, described, unseen), True
    if not described.column:
        return _mentioned(key, _TEXTS[described.level], dialect), False
    columns = _columns(level)
    if described.noted:
        return _noted(key, columns[described.column], _TEXTS[described.level], dialect), False
    if isinstance(key, CombinedKey):
        return combined_condition(key, columns[described.column]), False
    return condition(key, described.column, columns, dialect), is_exact(key)


def _mentioned(key: Key | CombinedKey, text: sa.ColumnElement[str], dialect: str) -> Condition:
    if isinstance(key, CombinedKey):
        return combined_mention(key, text, dialect)
    return mentioned(key, text, dialect)


def _noted(
    key: Key | CombinedKey,
    column: sa.ColumnElement[str],
    text: sa.ColumnElement[str],
    dialect: str,
) -> Condition:
    """Return what a key says of a note, and of the JSON text where there is none."""
    if isinstance(key, CombinedKey):
        said = combined_note_condition(key, column)
    else:
        said = note_condition(key, column, dialect)
    return sa.or_(said, sa.and_(column.is_(None), _mentioned(key, text, dialect)))


def asked_of_instances(keys: Sequence[Key | CombinedKey], unseen: Unseen) -> Asked:
    """Return what keys ask of instances: of themselves, and of their series and studies."""
    studies = [key for key in keys if _names(key, "StudyInstanceUID")]
    own: list[Condition] = [*unseen.leave_out(_INSTANCE.series_instance_uid)]
    above_keys: list[Key | CombinedKey] = []
    above: list[Condition] = []
    left: list[Key | CombinedKey] = []
    for key in keys:
        described = _described(key.date if isinstance(key, CombinedKey) else key, Level.INSTANCE)
        is_in_study = described.path == "SeriesInstanceUID" and bool(studies)
        is_own = described.level is Level.INSTANCE or key in studies or is_in_study
        said, exact = narrowed(key, Level.INSTANCE if is_own else Level.SERIES, unseen)
        if is_own:
            own.append(said)
        else:
            above_keys.append(key)
            above.append(said)
        if not exact:
            left.append(key)
    if above:
        above_keys += studies
        above += [narrowed(key, Level.SERIES, unseen)[0] for key in studies]
    return Asked(
        own=own,
        above=studies_first(above_keys, above) if unseen.dialect == "sqlite" else above,
        left=left,
        is_named=bool(studies) or any(_names(key, "SOPInstanceUID") for key in keys),
    )


def _names(key: Key | CombinedKey, keyword: str) -> bool:
    """Tell whether a key names one object, or a few of them, by their UIDs."""
    return isinstance(key, Key) and key.tag == tag_of(keyword) and bool(key.values)


def studies_first(
    keys: Sequence[Key | CombinedKey], narrowed: Sequence[Condition]
) -> list[Condition]:
    """Return the conditions of series; those of studies find the studies first, and then series.

    However many series there are, each study is then looked at once; PostgreSQL sees to that.
    """
    own: list[Condition] = []
    of_studies: list[Condition] = []
    for key, each in zip(keys, narrowed, strict=True):
        tag = key.date.tag if isinstance(key, CombinedKey) else key.tag
        described = archive_keys(Level.SERIES)[tag]
        is_study = described.level in (Level.PATIENT, Level.STUDY)
        finds = is_study and described.path != "StudyInstanceUID"
        (of_studies if finds else own).append(each)
    if not of_studies:
        return own
    studies = sa.select(_STUDY.study_instance_uid).where(*of_studies).correlate(None)
    return [*own, _SERIES.study_instance_uid.in_(studies)]


def _described(key: Key, level: Level) -> QueryKey:
    found = archive_keys(level).get(key.tag)
    if found is None or (found.counted and found.path not in _IN_STUDY):
        name = f"({key.tag.group:04X},{key.tag.element:04X})"
        raise UnusableQueryError(f"{name} cannot be searched for at the level {level}")
    return found


def _in_study(key: Key, described: QueryKey, unseen: Unseen) -> Condition:
    """Select studies by what any of their series or instances is; ``every`` value must be there."""
    columns = _IN_STUDY[described.path].alias("within").c
    inside = (
        columns.study_instance_uid == _STUDY.study_instance_uid,
        *unseen.leave_out(columns.series_instance_uid),
    )
    if key.empty:
        return ~sa.exists().where(*inside, columns[described.column] != "")
    each = [Key(tag=key.tag, vr=key.vr, values=(value,)) for value in key.values]
    parts = [
        sa.exists().where(*inside, condition(one, described.column, columns, unseen.dialect))
        for one in each
    ]
    return sa.and_(*parts) if key.every else sa.or_(*parts)


def _columns(level: Level) -> Columns:
    """Return the columns of a level and of those above it, each by its own table's name for it."""
    named = {column.name: column for table in reversed(_TABLES[level]) for column in table.c} | {
        column.name: column for column in _TABLES[level][-1].c
    }
    if level is not Level.INSTANCE:
        return named
    # Worded so that no index of it is used: all instances of a class would have to be sorted.
    return named | {"sop_class_uid": _INSTANCE.sop_class_uid.concat("")}
