"""How steps stand that follow something else: a review item's, or a study's analysis."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.procedure_step import StepKind, StepState
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.study import StudyState
from dicom_node.domain.wanted_study import WantedState
from dicom_node.persistence.corridor.tables import STUDIES
from dicom_node.persistence.corridor.wanted_tables import WANTED_STUDIES
from dicom_node.persistence.review.tables import REVIEW_ITEMS
from dicom_node.persistence.ups.rows import analysis_state
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS

_ITEMS, _STEPS, _WANTED = REVIEW_ITEMS.c, PROCEDURE_STEPS.c, WANTED_STUDIES.c
# Worded by the states there are, so that the index of states finds them.
NOT_OVER = PROCEDURE_STEPS.c.state.in_([each.value for each in StepState if not each.is_final])


def settle(connection: sa.Connection) -> int:
    """Write down which steps are over, because their items or studies are; return how many."""
    return sum(
        connection.execute(
            sa.update(PROCEDURE_STEPS).where(NOT_OVER, ended).values(state=state.value)
        ).rowcount
        for state, ended in _ENDED
    )


def coming_of(connection: sa.Connection, uids: set[str]) -> set[str]:
    """Return which of the studies are being fetched from an archive."""
    if not uids:
        return set()
    query = sa.select(_WANTED.study_instance_uid).where(
        _WANTED.study_instance_uid.in_(uids), _WANTED.state == WantedState.WAITING.value
    )
    return set(connection.scalars(query))


def state_of_analysis(
    row: Mapping[str, Any], study: Mapping[str, Any] | None, *, is_coming: bool
) -> StepState:
    """Return how far an analysis is; ``is_coming`` of a study that is being fetched first."""
    own = StepState(row["state"])
    if own.is_final:
        return own
    if is_coming:  # some of it may be here, and be looked at before the rest has come
        return StepState.IN_PROGRESS
    if study is None or study["state"] == StudyState.PRIOR:
        return StepState.CANCELED
    return analysis_state(row["asked_revision"], study["revision"], StudyState(study["state"]))


def _follows_item(state: ReviewState) -> sa.ColumnElement[bool]:
    """Select steps that nobody has locked, of items in a state."""
    in_state = sa.exists().where(_ITEMS.item_id == _STEPS.item_id, _ITEMS.state == state.value)
    return sa.and_(_STEPS.transaction_uid == "", in_state)


def _follows_study(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Select requests for an analysis, by how their studies stand."""
    same = STUDIES.c.study_instance_uid == _STEPS.study_instance_uid
    is_coming = sa.exists().where(
        _WANTED.study_instance_uid == _STEPS.study_instance_uid,
        _WANTED.state == WantedState.WAITING.value,
    )
    return sa.and_(
        _STEPS.kind == StepKind.ANALYSIS.value, sa.exists().where(same, *conditions), ~is_coming
    )


# The final states of steps that follow something else: ``shown_state`` and ``analysis_state``.
_IS_ASKED_REVISION = STUDIES.c.revision == _STEPS.asked_revision
_ENDED: tuple[tuple[StepState, sa.ColumnElement[bool]], ...] = (
    (StepState.COMPLETED, _follows_item(ReviewState.DECIDED)),
    (StepState.CANCELED, _follows_item(ReviewState.SUPERSEDED)),
    (
        StepState.CANCELED,
        sa.and_(
            _STEPS.kind == StepKind.ANALYSIS.value,
            sa.exists().where(
                _WANTED.study_instance_uid == _STEPS.study_instance_uid,
                _WANTED.state == WantedState.FAILED.value,
            ),
            ~sa.exists().where(
                STUDIES.c.study_instance_uid == _STEPS.study_instance_uid,
                STUDIES.c.state != StudyState.PRIOR.value,
            ),
        ),
    ),
    (StepState.COMPLETED, _follows_study(STUDIES.c.revision > _STEPS.asked_revision)),
    (
        StepState.COMPLETED,
        _follows_study(_IS_ASKED_REVISION, STUDIES.c.state == StudyState.ANALYSED.value),
    ),
    (
        StepState.CANCELED,
        _follows_study(
            _IS_ASKED_REVISION,
            STUDIES.c.state.in_(
                [
                    StudyState.NOT_ROUTED.value,
                    StudyState.UNDECIDED.value,
                    StudyState.FAILED.value,
                ]
            ),
        ),
    ),
)
