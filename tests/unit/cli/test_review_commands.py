"""`dicom-node review` and `warehouse`, as scripts use them."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ai_engine.prediction import Prediction, Remark, RemarkKind
from dicom_node.cli.application import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.job import Job
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.domain.user import User, UserRole
from dicom_node.errors import ConflictError, NodeError, NotFoundError
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.schema import give_schemas
from tests.unit.builders import an_instance

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[3] / "config"
DETAILS = fake_details(readers=1)
ITEM = DETAILS.item.item_id
A_DISAGREEMENT = Prediction(
    model=FAKE_MODEL,
    images=(),
    remarks=(
        Remark(
            kind=RemarkKind.TAGS_DISAGREE, sop_instance_uid="1.2.3.1.1.1", detail="it is a hand"
        ),
    ),
)


def dicom_node(*arguments: str) -> Result:
    """Run ``dicom-node``; a known error is raised as it is."""
    result = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    if result.exception is not None and isinstance(result.exception, NodeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(autouse=True)
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    """A node that has one result waiting, and people of every kind."""
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    made = Repositories(NodeSettings(data_dir=tmp_path / "data"))
    give_schemas(made)
    now = datetime.now(UTC)
    study = DETAILS.item.study_instance_uid
    image = DETAILS.images[0].sop_instance_uid
    made.index.record([an_instance(image, study_instance_uid=study)])
    made.hotbase.add_job(
        Job(
            job_id=ITEM,
            study_instance_uid=study,
            revision=1,
            route="chest",
            model=FAKE_MODEL,
            sop_instance_uids=(image,),
            destinations=(),
        ),
        at=now,
    )
    made.review_queue().add(DETAILS.item, DETAILS.findings)
    for name, role in (("ada", UserRole.EXPERT), ("root", UserRole.ADMIN)):
        user = User(name=name, title=f"{name}^Doctor", organization="", roles=frozenset({role}))
        made.users.add(user, "hash", actor="t", at=now)
    yield made
    made.close()


def test_an_item_is_listed_shown_claimed_and_decided(repositories: Repositories) -> None:
    listed = dicom_node("review", "list").output
    assert ITEM in listed
    assert "1 waiting" in listed
    repositories.hotbase.keep_prediction(ITEM, A_DISAGREEMENT, at=datetime.now(UTC))
    shown = dicom_node("review", "show", ITEM).output
    assert "opacity" in shown
    assert "header and pixels disagree: 1.2.3.1.1.1: it is a hand" in shown
    assert "Held by ada" in dicom_node("review", "claim", ITEM, "--as", "ada").output
    assert "waiting" in dicom_node("review", "release", ITEM, "--as", "ada").output
    assert "Decided." in dicom_node("review", "decide", ITEM, "--as", "ada", "--confirm").output
    assert "opacity confirmed" in dicom_node("review", "show", ITEM).output
    assert "Nothing waits" in dicom_node("review", "list").output
    with pytest.raises(ConflictError, match="decided already, by ada"):
        dicom_node("review", "decide", ITEM, "--as", "ada", "--confirm")


def test_labels_are_judged_one_by_one(repositories: Repositories) -> None:
    dicom_node(
        "review", "decide", ITEM, "--as", "ada", "--reject", "opacity", "--add", "effusion"
    )  # fmt: skip
    (reading,) = repositories.review_queue().readings(ITEM)
    assert {each.label: each.judgement.value for each in reading.findings} == {
        "opacity": "rejected",
        "effusion": "added",
    }


def test_a_verdict_that_cannot_be_used_says_why_and_holds_nothing_up(
    repositories: Repositories,
) -> None:
    with pytest.raises(ConflictError, match="Opacity"):
        dicom_node("review", "decide", ITEM, "--as", "ada")
    with pytest.raises(ConflictError, match="no label mass"):
        dicom_node("review", "decide", ITEM, "--as", "ada", "--reject", "mass")
    with pytest.raises(ConflictError, match="may not review"):
        dicom_node("review", "claim", ITEM, "--as", "root")
    with pytest.raises(NotFoundError):
        dicom_node("review", "claim", ITEM, "--as", "nobody")
    with pytest.raises(NotFoundError, match="review list"):
        dicom_node("review", "show", "f" * 32)


def test_a_result_is_rejected_whole_and_what_cannot_be_told_is_said(
    repositories: Repositories,
) -> None:
    review_queue = repositories.review_queue()
    other = fake_details(2)
    review_queue.add(other.item, other.findings)
    said = dicom_node(
        "review", "decide", ITEM, "--as", "ada", "--reject-result", "--comment", "Another patient"
    ).output
    assert "Decided." in said
    (rejection,) = review_queue.readings(ITEM)
    assert (rejection.rejected, rejection.comment) == (True, "Another patient")
    assert "result rejected" in dicom_node("review", "show", ITEM).output
    dicom_node("review", "decide", other.item.item_id, "--as", "ada", "--unsure", "opacity")
    (reading,) = review_queue.readings(other.item.item_id)
    assert [each.judgement.value for each in reading.findings] == ["unsure"]
    assert "2 decided" in dicom_node("review", "list", "--state", "waiting").output


def test_the_list_is_in_the_order_and_the_states_that_are_asked_for(
    repositories: Repositories,
) -> None:
    review_queue = repositories.review_queue()
    unclear = fake_details(2, probabilities=(("opacity", 0.51),))
    review_queue.add(unclear.item, unclear.findings)
    second = unclear.item.item_id

    def order(*options: str) -> list[str]:
        listed = dicom_node("review", "list", *options).output
        return sorted((each for each in (ITEM, second) if each in listed), key=listed.index)

    assert order("--sort", "triage") == [ITEM, second]
    assert order("--sort", "uncertainty") == [second, ITEM]
    assert len(order("--limit", "1")) == 1
    dicom_node("review", "claim", second, "--as", "ada")
    assert order("--state", "claimed") == [second]
    assert order("--state", "decided", "--state", "superseded") == []


def test_what_somebody_else_holds_or_a_newer_result_replaced_is_not_decided(
    repositories: Repositories,
) -> None:
    review_queue = repositories.review_queue()
    add_expert(repositories, "ben")
    dicom_node("review", "claim", ITEM, "--as", "ben")
    with pytest.raises(ConflictError, match="is held by ben until"):
        dicom_node("review", "decide", ITEM, "--as", "ada", "--confirm")
    newer = "e" * 32
    later = DETAILS.item.created_at + timedelta(minutes=1)
    review_queue.add(replace(DETAILS.item, item_id=newer, created_at=later), DETAILS.findings)
    with pytest.raises(ConflictError, match=f"is superseded: .* item {newer}"):
        dicom_node("review", "decide", ITEM, "--as", "ben", "--confirm")
    assert review_queue.readings(ITEM) == ()
    assert "superseded" in dicom_node("review", "show", ITEM).output


def test_two_readers_who_differ_leave_it_to_a_third(repositories: Repositories) -> None:
    details = fake_details(2, readers=2)
    item = details.item.item_id
    repositories.review_queue().add(details.item, details.findings)
    for name in ("ben", "cleo"):
        add_expert(repositories, name)
    first = dicom_node("review", "decide", item, "--as", "ada", "--confirm").output
    assert "a second reader is wanted" in first
    with pytest.raises(ConflictError, match="The second reader must be somebody else"):
        dicom_node("review", "claim", item, "--as", "ada")
    second = dicom_node("review", "decide", item, "--as", "ben", "--reject", "opacity").output
    assert "a third one must decide" in second
    with pytest.raises(ConflictError, match="An adjudicator must be somebody else"):
        dicom_node("review", "claim", item, "--as", "ben")
    assert "Decided." in dicom_node("review", "decide", item, "--as", "cleo", "--confirm").output


def add_expert(repositories: Repositories, name: str) -> None:
    user = User(
        name=name,
        title=f"{name}^Doctor",
        organization="",
        roles=frozenset({UserRole.EXPERT}),
    )
    repositories.users.add(user, "hash", actor="t", at=datetime.now(UTC))


def test_an_empty_warehouse_says_so() -> None:
    assert "Nothing has been validated yet" in dicom_node("warehouse", "counts").output


def test_every_command_explains_itself() -> None:
    for command in itertools.chain(("list", "show", "claim", "release", "decide")):
        assert "Usage" in dicom_node("review", command, "--help").output


def test_reports_of_other_workstations_are_told_with_what_came_of_them(
    repositories: Repositories,
) -> None:
    repositories.external.keep(
        ExternalReport(
            sop_instance_uid="1.2.3.7",
            item_id=ITEM,
            study_instance_uid=DETAILS.item.study_instance_uid,
            path="made.dcm",
            closed=False,
            message="the report is PRELIMINARY",
            seen_at=datetime.now(UTC),
        )
    )
    told = "Report from outside 1.2.3.7: the report is PRELIMINARY"
    assert told in dicom_node("review", "show", ITEM).output
    assert told in dicom_node("status", DETAILS.item.study_instance_uid).output
