"""Who may claim and decide review items, and what verdicts mean."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ai_engine.prediction import Region, Triage
from dicom_node.domain.review.queue import (
    AlreadyDecidedError,
    AlreadyReadError,
    ClaimExpiredError,
    HeldByOtherError,
    NotClaimedError,
    SupersededError,
    UnusableVerdictError,
)
from dicom_node.domain.review.ranking import abnormality_of, priority_of, uncertainty_of
from dicom_node.domain.review.review import (
    REVIEW_TRANSITIONS,
    FindingVerdict,
    Judgement,
    Laterality,
    Priority,
    Reviewer,
    ReviewerRole,
    ReviewItem,
    ReviewState,
    Verdict,
)
from dicom_node.domain.review.rules import (
    claimed,
    decided,
    decided_externally,
    extended,
    released,
    superseded,
)
from dicom_node.domain.review.verdicts import agree, check_verdict, truths_of
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from dicom_node.workflow.testing.review_fakes import fake_details

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(minutes=15)
DETAILS = fake_details(probabilities=(("opacity", 0.9), ("effusion", 0.1)))
ITEM, FINDINGS = DETAILS.item, DETAILS.findings
IMAGE = DETAILS.images[0].sop_instance_uid


def reviewer(name: str) -> Reviewer:
    return Reviewer(
        user_name=name,
        person_name=f"{name.capitalize()}^Doctor",
        organisation="Clinic",
        role=ReviewerRole.VERIFIER,
    )


ADA, BEN, CARA = reviewer("ada"), reviewer("ben"), reviewer("cara")
WORKSTATION = reviewer("WORKSTATION")


def say(judgement: Judgement, label: str = "opacity", **more: object) -> FindingVerdict:
    return FindingVerdict(image_uid=IMAGE, label=label, judgement=judgement, **more)  # type: ignore[arg-type]


def verdict(by: Reviewer, *findings: FindingVerdict, rejected: bool = False) -> Verdict:
    return Verdict(item_id=ITEM.item_id, reviewer=by, findings=findings, rejected=rejected)


CONFIRMS = (say(Judgement.CONFIRMED),)


def test_only_the_holder_of_a_claim_in_force_decides() -> None:
    with pytest.raises(NotClaimedError):
        decided(ITEM, verdict(ADA, *CONFIRMS), findings=FINDINGS, earlier=(), now=NOW)
    held = claimed(ITEM, ADA, readers=(), now=NOW, lease=LEASE)
    with pytest.raises(HeldByOtherError, match="held by ada"):
        decided(held, verdict(BEN, *CONFIRMS), findings=FINDINGS, earlier=(), now=NOW)
    with pytest.raises(HeldByOtherError):
        claimed(held, BEN, readers=(), now=NOW, lease=LEASE)
    with pytest.raises(ClaimExpiredError):
        decided(held, verdict(ADA, *CONFIRMS), findings=FINDINGS, earlier=(), now=NOW + LEASE)
    done = decided(held, verdict(ADA, *CONFIRMS), findings=FINDINGS, earlier=(), now=NOW)
    assert (done.state, done.decided_by, done.holder) == (ReviewState.DECIDED, ("ada",), "")
    with pytest.raises(AlreadyDecidedError, match="by ada"):
        claimed(done, BEN, readers=(), now=NOW, lease=LEASE)


def test_an_expired_claim_is_anybodys_and_an_extended_one_is_not() -> None:
    held = claimed(ITEM, ADA, readers=(), now=NOW, lease=LEASE)
    assert held.state_at(NOW + LEASE) is ReviewState.WAITING
    taken = claimed(held, BEN, readers=(), now=NOW + LEASE, lease=LEASE)
    assert taken.holder == "ben"
    kept = extended(held, ADA, now=NOW + LEASE / 2, lease=LEASE)
    with pytest.raises(HeldByOtherError):
        claimed(kept, BEN, readers=(), now=NOW + LEASE, lease=LEASE)
    assert released(kept, BEN) == kept
    assert released(kept, ADA).state is ReviewState.WAITING


def test_two_readers_who_agree_decide_together() -> None:
    item = replace(ITEM, readers=2)
    held = claimed(item, ADA, readers=(), now=NOW, lease=LEASE)
    first = verdict(ADA, *CONFIRMS)
    waiting = decided(held, first, findings=FINDINGS, earlier=(), now=NOW)
    assert (waiting.state, waiting.readings) == (ReviewState.WAITING, 1)
    with pytest.raises(AlreadyReadError, match="second reader"):
        claimed(waiting, ADA, readers=("ada",), now=NOW, lease=LEASE)
    held = claimed(waiting, BEN, readers=("ada",), now=NOW, lease=LEASE)
    done = decided(held, verdict(BEN, *CONFIRMS), findings=FINDINGS, earlier=(first,), now=NOW)
    assert (done.state, done.decided_by) == (ReviewState.DECIDED, ("ada", "ben"))


def test_readers_who_differ_need_a_third() -> None:
    item = replace(ITEM, readers=2, readings=1)
    first = verdict(ADA, *CONFIRMS)
    held = claimed(item, BEN, readers=("ada",), now=NOW, lease=LEASE)
    second = verdict(BEN, say(Judgement.REJECTED))
    disputed = decided(held, second, findings=FINDINGS, earlier=(first,), now=NOW)
    assert (disputed.state, disputed.disputed) == (ReviewState.ADJUDICATING, True)
    with pytest.raises(AlreadyReadError, match="adjudicator"):
        claimed(disputed, BEN, readers=("ada", "ben"), now=NOW, lease=LEASE)
    held = claimed(disputed, CARA, readers=("ada", "ben"), now=NOW, lease=LEASE)
    assert held.state_at(NOW + LEASE) is ReviewState.ADJUDICATING
    assert released(held, CARA).state is ReviewState.ADJUDICATING
    done = decided(
        held,
        verdict(CARA, *CONFIRMS),
        findings=FINDINGS,
        earlier=(first, second),
        now=NOW,
    )
    assert (done.state, done.decided_by) == (ReviewState.DECIDED, ("cara",))


def test_a_superseded_item_is_nobodys() -> None:
    old = superseded(claimed(ITEM, ADA, readers=(), now=NOW, lease=LEASE), "f" * 32)
    for act in (
        lambda: claimed(old, ADA, readers=(), now=NOW, lease=LEASE),
        lambda: extended(old, ADA, now=NOW, lease=LEASE),
        lambda: decided(old, verdict(ADA, *CONFIRMS), findings=FINDINGS, earlier=(), now=NOW),
        lambda: decided_externally(old, WORKSTATION, readers=(), now=NOW),
    ):
        with pytest.raises(SupersededError, match="f" * 32):
            act()


def test_a_workstation_closes_an_item_whoever_holds_it() -> None:
    held = claimed(ITEM, ADA, readers=(), now=NOW, lease=LEASE)
    done = decided_externally(held, WORKSTATION, readers=(), now=NOW)
    assert (done.state, done.decided_by) == (ReviewState.DECIDED, ("WORKSTATION",))


@pytest.mark.parametrize(
    "item",
    [
        replace(ITEM, readers=2),
        replace(ITEM, readers=2, readings=1),
        replace(ITEM, readers=2, readings=2, disputed=True, state=ReviewState.ADJUDICATING),
    ],
    ids=["two readers wanted", "one has read", "disputed"],
)
def test_in_place_of_further_readers_stands_only_a_verified_report(item: ReviewItem) -> None:
    attesting = replace(WORKSTATION, role=ReviewerRole.ATTESTOR)
    with pytest.raises(UnusableVerdictError, match=r"stays open: .* not VERIFIED"):
        decided_externally(item, attesting, readers=(), now=NOW)
    assert not decided_externally(item, WORKSTATION, readers=(), now=NOW).is_open


def test_a_workstation_of_a_readers_name_is_not_the_second_reader() -> None:
    with pytest.raises(AlreadyReadError, match="stays open"):
        decided_externally(
            replace(ITEM, readers=2), WORKSTATION, readers=[WORKSTATION.user_name], now=NOW
        )


@pytest.mark.parametrize(
    ("findings", "why"),
    [
        ((), "Opacity"),
        ((*CONFIRMS, *CONFIRMS), "twice"),
        ((*CONFIRMS, say(Judgement.ADDED, "mass")), "not a label"),
        ((*CONFIRMS, say(Judgement.ADDED, "other")), "comment"),
        ((*CONFIRMS, say(Judgement.REJECTED, "effusion")), "add it instead"),
        ((say(Judgement.ADDED),), "confirm or change"),
        (
            (say(Judgement.CHANGED, box=Region(left=5, top=5, right=5, bottom=9)),),
            "no area",
        ),
        ((replace(CONFIRMS[0], image_uid="9.9"),), "not one of the item's"),
        ((*CONFIRMS, say(Judgement.ADDED, "effusion", frame_number=1)), "the whole image"),
        (
            (say(Judgement.CHANGED, changed_to="effusion"), say(Judgement.CONFIRMED, "effusion")),
            "take one of the two back",
        ),
        (
            (say(Judgement.CHANGED, changed_to="effusion"), say(Judgement.UNSURE, "effusion")),
            "take one of the two back",
        ),
    ],
)
def test_a_verdict_that_does_not_fit_says_why(
    findings: tuple[FindingVerdict, ...], why: str
) -> None:
    with pytest.raises(UnusableVerdictError, match=why):
        check_verdict(verdict(ADA, *findings), FINDINGS)


@pytest.mark.parametrize(
    ("findings", "opacity", "effusion"),
    [
        ((say(Judgement.CONFIRMED),), True, False),
        ((say(Judgement.REJECTED),), False, False),
        ((say(Judgement.UNSURE),), None, False),
        ((say(Judgement.CHANGED, changed_to="effusion"),), False, True),
        ((say(Judgement.CHANGED, box=Region(left=0, top=0, right=9, bottom=9)),), True, False),
        ((say(Judgement.CONFIRMED), say(Judgement.ADDED, "effusion")), True, True),
        ((say(Judgement.CONFIRMED), say(Judgement.UNSURE, "effusion")), True, None),
        ((say(Judgement.CHANGED, changed_to="other", comment="a nipple"),), False, False),
        (
            (say(Judgement.CHANGED, changed_to="effusion"), say(Judgement.ADDED, "effusion")),
            False,
            True,
        ),
    ],
)
def test_what_a_verdict_means_for_each_label(
    findings: tuple[FindingVerdict, ...], opacity: bool | None, effusion: bool | None
) -> None:
    given = verdict(ADA, *findings)
    check_verdict(given, FINDINGS)
    truths = {each.label: each for each in truths_of(FINDINGS, given)}
    assert (truths["opacity"].value, truths["effusion"].value) == (opacity, effusion)
    assert truths["opacity"].explicit


def test_a_frame_beside_frames_that_were_judged_may_be_added_and_the_image_may_not() -> None:
    findings = tuple(replace(each, frame_number=3) for each in FINDINGS)
    confirmed = replace(CONFIRMS[0], frame_number=3)
    check_verdict(
        verdict(ADA, confirmed, say(Judgement.ADDED, "effusion", frame_number=5)), findings
    )
    with pytest.raises(UnusableVerdictError, match="each frame"):
        check_verdict(verdict(ADA, confirmed, say(Judgement.ADDED, "effusion")), findings)


def test_a_reading_of_the_only_frame_agrees_with_one_of_the_image() -> None:
    item = replace(ITEM, readers=2, readings=1)
    first = verdict(ADA, *CONFIRMS, say(Judgement.ADDED, "effusion", frame_number=1))
    held = claimed(item, BEN, readers=("ada",), now=NOW, lease=LEASE)
    second = verdict(BEN, *CONFIRMS, say(Judgement.ADDED, "effusion"))
    done = decided(held, second, findings=FINDINGS, earlier=(first,), now=NOW)
    assert done.state is ReviewState.DECIDED


def test_a_result_rejected_as_a_whole_says_nothing_of_its_labels() -> None:
    given = verdict(ADA, rejected=True)
    check_verdict(given, FINDINGS)
    assert truths_of(FINDINGS, given) == ()
    assert not agree(FINDINGS, given, verdict(BEN, *CONFIRMS))


def test_readers_agree_on_labels_not_on_words_or_boxes() -> None:
    worded = verdict(ADA, replace(CONFIRMS[0], comment="faint"))
    boxed = verdict(BEN, say(Judgement.CHANGED, box=Region(left=0, top=0, right=9, bottom=9)))
    assert agree(FINDINGS, worded, boxed)


LEFT, RIGHT = {"laterality": Laterality.LEFT}, {"laterality": Laterality.RIGHT}
FRACTURE = {"comment": "Rib  fracture."}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (say(Judgement.CONFIRMED, **LEFT), say(Judgement.CONFIRMED, **RIGHT), False),
        (say(Judgement.CONFIRMED, **LEFT), say(Judgement.CHANGED, **LEFT), True),
        (say(Judgement.CONFIRMED, **LEFT), say(Judgement.CONFIRMED), True),
        (
            say(Judgement.CHANGED, changed_to="effusion", **LEFT),
            say(Judgement.CHANGED, changed_to="effusion", **RIGHT),
            False,
        ),
        (
            say(Judgement.CHANGED, changed_to="other", comment="pleural plaque"),
            say(Judgement.CHANGED, changed_to="other", **FRACTURE),
            False,
        ),
        (
            say(Judgement.CHANGED, changed_to="other", comment="rib FRACTURE"),
            say(Judgement.CHANGED, changed_to="other", **FRACTURE),
            True,
        ),
        (
            say(Judgement.CHANGED, changed_to="other", **LEFT, **FRACTURE),
            say(Judgement.CHANGED, changed_to="other", **RIGHT, **FRACTURE),
            False,
        ),
    ],
)
def test_readers_agree_only_where_sides_and_their_own_words_for_findings_do(
    one: FindingVerdict, other: FindingVerdict, same: bool
) -> None:
    item = replace(ITEM, readers=2, readings=1)
    held = claimed(item, BEN, readers=("ada",), now=NOW, lease=LEASE)
    read = decided(
        held, verdict(BEN, other), findings=FINDINGS, earlier=(verdict(ADA, one),), now=NOW
    )
    assert read.state is (ReviewState.DECIDED if same else ReviewState.ADJUDICATING)
    assert agree(FINDINGS, verdict(BEN, other), verdict(ADA, one)) is same


def test_a_finding_of_a_readers_own_that_the_other_does_not_name_is_a_difference() -> None:
    plaque = say(Judgement.ADDED, "other", comment="pleural plaque")
    fracture = say(Judgement.ADDED, "other", comment="rib fracture")
    both = verdict(ADA, *CONFIRMS, plaque, fracture)
    assert not agree(FINDINGS, both, verdict(BEN, *CONFIRMS, plaque))
    assert agree(FINDINGS, both, verdict(BEN, *CONFIRMS, fracture, plaque))


def test_uncertainty_is_one_on_the_threshold_and_falls_on_either_side() -> None:
    def nearest(probability: float, threshold: float) -> float:
        details = fake_details(probabilities=(("opacity", probability),), threshold=threshold)
        return uncertainty_of(details.findings)

    assert nearest(0.3, 0.3) == 1.0
    assert nearest(0.0, 0.3) == nearest(1.0, 0.3) == 0.0
    assert nearest(0.15, 0.3) == pytest.approx(0.5)
    assert uncertainty_of(()) == 0.0
    assert nearest(1.0, 1.0) == 1.0


def test_priority_follows_the_route_and_then_the_finding() -> None:
    assert fake_details(urgent=True).item.priority is Priority.HIGH
    assert fake_details().item.priority is Priority.MEDIUM
    assert fake_details(probabilities=(("opacity", 0.1),)).item.priority is Priority.LOW


def test_nothing_follows_a_final_state_but_that_a_verdict_is_taken_back() -> None:
    assert REVIEW_TRANSITIONS[ReviewState.DECIDED] == {ReviewState.CLAIMED}
    assert REVIEW_TRANSITIONS[ReviewState.SUPERSEDED] == frozenset()


def triage(probability: float) -> Triage:
    return Triage(model=FAKE_MODEL, sop_instance_uid=IMAGE, probability=probability, threshold=0.4)


def test_what_triage_calls_abnormal_is_looked_at_before_what_nobody_does() -> None:
    calm = fake_details(probabilities=(("opacity", 0.1),)).findings
    assert priority_of(calm, urgent=False) is Priority.LOW
    assert priority_of(calm, urgent=False, triage=triage(0.5)) is Priority.MEDIUM
    assert priority_of(calm, urgent=False, triage=triage(0.3)) is Priority.LOW
    assert priority_of(calm, urgent=True, triage=triage(0.3)) is Priority.HIGH
    assert priority_of(FINDINGS, urgent=False, triage=triage(0.3)) is Priority.MEDIUM


def test_without_a_triage_model_the_models_own_label_says_what_is_abnormal() -> None:
    said = fake_details(probabilities=(("Abnormal", 0.7), ("Pneumonia", 0.9))).findings
    assert abnormality_of(said) == 0.7
    assert abnormality_of(said, triage(0.3)) == 0.3
    normal = fake_details(probabilities=(("No_Finding", 0.75),)).findings
    assert abnormality_of(normal) == 0.25
    assert abnormality_of(FINDINGS) is None


def test_the_rank_goes_by_priority_first_and_never_leaves_its_place() -> None:
    def rank(priority: Priority, abnormality: float | None) -> int:
        return replace(ITEM, priority=priority, abnormality=abnormality).rank

    for sooner, later in ((Priority.HIGH, Priority.MEDIUM), (Priority.MEDIUM, Priority.LOW)):
        assert rank(sooner, 0.0) < rank(later, 1.0)
    assert rank(Priority.LOW, 1.0) < rank(Priority.LOW, None) < rank(Priority.LOW, 0.2)


def test_every_change_of_an_item_has_a_later_version_than_the_one_before() -> None:
    # The queue writes an item only over the version that was read: two readers never both win.
    held = claimed(ITEM, ADA, readers=(), now=NOW, lease=LEASE)
    longer = extended(held, ADA, now=NOW, lease=LEASE)
    let_go = released(longer, ADA)
    again = claimed(let_go, BEN, readers=(), now=NOW, lease=LEASE)
    done = decided(again, verdict(BEN, *CONFIRMS), findings=FINDINGS, earlier=(), now=NOW)
    versions = [each.version for each in (ITEM, held, longer, let_go, again, done)]
    assert versions == sorted(set(versions))
    assert superseded(again, "later").version > again.version


def test_an_adjudicated_item_is_decided_when_the_adjudicator_has_spoken() -> None:
    disputed = replace(ITEM, state=ReviewState.ADJUDICATING, disputed=True, readings=2)
    held = claimed(disputed, CARA, readers=("ada", "ben"), now=NOW, lease=LEASE)
    done = decided(held, verdict(CARA, *CONFIRMS), findings=FINDINGS, earlier=(), now=NOW)
    assert (done.state, done.decided_by, done.decided_at) == (ReviewState.DECIDED, ("cara",), NOW)


@pytest.mark.parametrize(
    "said",
    [
        (*CONFIRMS, say(Judgement.ADDED, "effusion")),
        (say(Judgement.CHANGED, changed_to="effusion"),),
    ],
)
def test_what_an_expert_adds_or_renames_a_finding_to_is_their_own_word(
    said: tuple[FindingVerdict, ...],
) -> None:
    truths = {each.label: each for each in truths_of(FINDINGS, verdict(ADA, *said))}
    assert truths["effusion"].value is True
    assert truths["effusion"].explicit
