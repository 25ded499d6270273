"""The priors of studies: what is to be searched for, what was found, and what came of it."""

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from dicom_node.domain.header_words import regions_of, regions_said
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import (
    FoundStudy,
    Prior,
    PriorSearch,
    PriorState,
    SearchState,
    patient_said,
)
from dicom_node.persistence.corridor.attribute_tables import STUDY_ATTRIBUTES
from dicom_node.persistence.corridor.prior_tables import PRIOR_SEARCHES, PRIORS
from dicom_node.persistence.corridor.tables import INSTANCES
from dicom_node.persistence.upsert import insert_or_ignore, insert_or_replace

_RECEIVED = TypeAdapter(ReceivedInstance)
_SEARCH, _PRIOR = PRIOR_SEARCHES.c, PRIORS.c
# A study says of what it is by its first images; a CT has hundreds that say the same.
_LOOKED_AT = 20
_MOST_STUDIES = 200
# A next try that lies further ahead was set by a clock that has been put back since.
_LONGEST_WAIT = timedelta(hours=1)


class PriorStore:
    """Searches for priors, as a queue of rows, and the priors that were found."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def want(self, studies: Collection[str], archive: str, *, at: datetime) -> None:
        """Note that the priors of studies are to be searched for, each study once."""
        rows = [
            {
                "study_instance_uid": each,
                "archive": archive,
                "state": SearchState.WAITING,
                "asked_at": at,
                "ended_at": None,
                "tries": 0,
                "not_before": None,
                "reason": "",
            }
            for each in studies
        ]
        with self._engine.begin() as connection:
            insert_or_ignore(connection, PRIOR_SEARCHES, rows)

    def ask_again(self, study_instance_uid: str, *, at: datetime) -> bool:
        """Have a study's priors searched for once more; ``False`` where nobody ever wanted them."""
        changed = sa.update(PRIOR_SEARCHES).where(_SEARCH.study_instance_uid == study_instance_uid)
        values = {"state": SearchState.WAITING, "asked_at": at, "tries": 0, "not_before": None}
        with self._engine.begin() as connection:
            return connection.execute(changed.values(**values)).rowcount == 1

    def due(self, now: datetime) -> PriorSearch | None:
        """Return what is to be searched for now: what was asked for last is wanted most."""
        query = (
            sa.select(PRIOR_SEARCHES)
            .where(
                _SEARCH.state == SearchState.WAITING,
                sa.or_(
                    _SEARCH.not_before.is_(None),
                    _SEARCH.not_before <= now,
                    _SEARCH.not_before > now + _LONGEST_WAIT,
                ),
            )
            .order_by(_SEARCH.asked_at.desc())
            .limit(1)
        )
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return _search(row) if row is not None else None

    def search(self, study_instance_uid: str) -> PriorSearch | None:
        """Return how far the search for a study's priors is; None where there was none."""
        query = sa.select(PRIOR_SEARCHES).where(_SEARCH.study_instance_uid == study_instance_uid)
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
        return _search(row) if row is not None else None

    def end(
        self, study_instance_uid: str, state: SearchState, *, at: datetime, reason: str = ""
    ) -> None:
        """Record that a search is over, and what came of it."""
        self._change(study_instance_uid, state=state, ended_at=at, reason=reason)

    def postpone(self, study_instance_uid: str, until: datetime, *, reason: str) -> None:
        """Record that a search could not be done, and when it is tried again."""
        self._change(study_instance_uid, not_before=until, reason=reason, tries=_SEARCH.tries + 1)

    def subject(self, study_instance_uid: str) -> FoundStudy | None:
        """Return what is compared with priors: whose a study is, when and of what it was made.

        None where nothing is known of it.
        """
        attributes = sa.select(STUDY_ATTRIBUTES.c.attributes).where(
            STUDY_ATTRIBUTES.c.study_instance_uid == study_instance_uid
        )
        images = (
            sa.select(INSTANCES.c.received)
            .where(INSTANCES.c.study_instance_uid == study_instance_uid)
            .limit(_LOOKED_AT)
        )
        with self._read() as connection:
            text = connection.scalar(attributes)
            headers = [
                _RECEIVED.validate_python(each).header for each in connection.scalars(images)
            ]
        if text is None or not headers:
            return None
        said: dict[str, Any] = json.loads(text)
        described = (each.study_description or "" for each in headers[:1])
        return replace(
            _found_study(study_instance_uid, said),
            modalities=frozenset(each.modality for each in headers if each.modality),
            regions=frozenset().union(*map(regions_of, headers)) or regions_said(*described),
        )

    def of_same_patient(self, study_instance_uid: str) -> tuple[FoundStudy, ...]:
        """Return the studies in the index with the Patient ID of a study, the newest first."""
        row = STUDY_ATTRIBUTES.c
        patient = sa.select(row.patient_id).where(row.study_instance_uid == study_instance_uid)
        query = (
            sa.select(row.study_instance_uid, row.attributes)
            .where(row.patient_id == patient.scalar_subquery(), row.patient_id != "")
            .order_by(row.study_date.desc())
            .limit(_MOST_STUDIES)
        )
        with self._read() as connection:
            found = connection.execute(query).all()
        return tuple(
            _found_study(each.study_instance_uid, json.loads(each.attributes)) for each in found
        )

    def keep(self, prior: Prior) -> None:
        """Record how far the fetching of a prior is."""
        row = {
            "study_instance_uid": prior.study_instance_uid,
            "prior_study_uid": prior.prior_study_uid,
            "archive": prior.archive,
            "study_date": prior.study_date[:8],
            "state": prior.state,
            "listed": prior.listed,
            "held": prior.held,
            "reason": prior.reason,
        }
        with self._engine.begin() as connection:
            insert_or_replace(connection, PRIORS, [row])

    def of_study(self, study_instance_uid: str) -> tuple[Prior, ...]:
        """Return the priors of a study, the newest first."""
        query = (
            sa.select(PRIORS)
            .where(_PRIOR.study_instance_uid == study_instance_uid)
            .order_by(_PRIOR.study_date.desc(), _PRIOR.prior_study_uid)
        )
        with self._read() as connection:
            return tuple(_prior(row) for row in connection.execute(query).mappings())

    def _change(self, study_instance_uid: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(PRIOR_SEARCHES)
                .where(_SEARCH.study_instance_uid == study_instance_uid)
                .values(**values)
            )

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _found_study(study_instance_uid: str, said: dict[str, Any]) -> FoundStudy:
    return FoundStudy(
        study_instance_uid=study_instance_uid,
        patient=patient_said(said),
        study_date=_value(said, "00080020"),
        study_time=_value(said, "00080030"),
    )


def _search(row: sa.RowMapping) -> PriorSearch:
    return PriorSearch(
        study_instance_uid=row["study_instance_uid"],
        archive=row["archive"],
        state=SearchState(row["state"]),
        asked_at=row["asked_at"],
        ended_at=row["ended_at"],
        tries=row["tries"],
        reason=row["reason"],
    )


def _prior(row: sa.RowMapping) -> Prior:
    return Prior(
        study_instance_uid=row["study_instance_uid"],
        prior_study_uid=row["prior_study_uid"],
        archive=row["archive"],
        study_date=row["study_date"],
        state=PriorState(row["state"]),
        listed=row["listed"],
        held=row["held"],
        reason=row["reason"],
    )


def _value(said: dict[str, Any], tag: str) -> str:
    return str(next(iter(said.get(tag, {}).get("Value", ())), ""))
