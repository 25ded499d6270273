"""Who may take a verdict back, and what an item is afterwards."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.domain.review.first_reading import ReadFirstError
from dicom_node.domain.review.queue import NotReopenedError
from dicom_node.domain.review.review import (
    Reviewer,
    ReviewerRole,
    ReviewItem,
    ReviewState,
    Verdict,
)
from dicom_node.domain.review.rules import check_read_first, check_reported, reopened
from dicom_node.workflow.testing.review_fakes import fake_details

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=15)
OPEN = fake_details().item


def reviewer(name: str, role: ReviewerRole) -> Reviewer:
    return Reviewer(user_name=name, person_name=name, organisation="Clinic", role=role)


VERIFIER = reviewer("ada", ReviewerRole.VERIFIER)
OTHERS = tuple(reviewer(name, ReviewerRole.ATTESTOR) for name in ("ben", "cara"))
DECIDED = replace(
    OPEN,
    state=ReviewState.DECIDED,
    readings=2,
    disputed=True,
    decided_at=NOW - LEASE,
    decided_by=("ada", "ben"),
)


def said_by(*reviewers: Reviewer) -> list[Verdict]:
    return [Verdict(item_id=OPEN.item_id, reviewer=each, findings=()) for each in reviewers]


def taken_back(
    item: ReviewItem = DECIDED,
    by: Reviewer = VERIFIER,
    *,
    readings: tuple[Reviewer, ...] = OTHERS,
    reason: str = "the other lung",
    is_known: bool = True,
) -> ReviewItem:
    return reopened(
        item, by, reason, readings=said_by(*readings), now=NOW, lease=LEASE, is_known=is_known
    )


def test_an_item_is_read_anew_and_held_by_who_took_the_verdict_back() -> None:
    assert taken_back() == replace(
        OPEN,
        state=ReviewState.CLAIMED,
        holder="ada",
        claimed_until=NOW + LEASE,
        version=DECIDED.version + 1,
        reopened=1,
    )
    again = replace(taken_back(), state=ReviewState.DECIDED)
    assert taken_back(again).reopened == 2


def test_what_one_of_the_readers_has_verified_only_who_verifies_may_take_back() -> None:
    assert taken_back(by=OTHERS[0]).holder == "ben"
    with pytest.raises(NotReopenedError, match="only somebody who verifies"):
        taken_back(by=OTHERS[0], readings=(OTHERS[1], VERIFIER))


def test_a_verdict_is_taken_back_with_a_reason_once_it_is_known() -> None:
    with pytest.raises(NotReopenedError, match="say why"):
        taken_back(reason=" \n")
    with pytest.raises(NotReopenedError, match="try again in a moment"):
        taken_back(is_known=False)
    with pytest.raises(NotReopenedError, match="no verdict yet"):
        taken_back(OPEN)


@pytest.mark.parametrize(
    ("has_images", "has_results", "words"),
    [(False, True, "the images were removed"), (True, False, "the overlays were removed")],
)
def test_a_verdict_stays_of_which_no_report_could_be_made(
    has_images: bool, has_results: bool, words: str
) -> None:
    check_reported(has_images=True, has_results=True)
    with pytest.raises(NotReopenedError, match=words):
        check_reported(has_images=has_images, has_results=has_results)


def test_what_was_decided_once_is_kept_from_nobody() -> None:
    blind = replace(OPEN, reads_first=True)
    assert blind.is_kept
    assert not replace(blind, state=ReviewState.DECIDED).is_kept
    with pytest.raises(ReadFirstError):
        check_read_first(blind, None)
    once = replace(blind, reopened=1)
    assert not once.is_kept
    check_read_first(once, None)
