"""`dicom-node review` and `warehouse`, as scripts use them."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dicom_node.cli.application import application
from dicom_node.domain.job import Job
from dicom_node.domain.user import User, UserRole
from dicom_node.errors import ConflictError, NodeError, NotFoundError
from dicom_node.settings import NodeSettings
from dicom_node.stores import Stores
from dicom_node.workflow.fakes import FAKE_MODEL
from dicom_node.workflow.review_fakes import fake_details
from tests.unit.builders import an_instance

CONFIG = Path(__file__).parents[3] / "config"
DETAILS = fake_details(readers=1)
ITEM = DETAILS.item.item_id


def dicom_node(*arguments: str) -> Result:
    """Run ``dicom-node``; a known error is raised as it is."""
    result = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    if result.exception is not None and isinstance(result.exception, NodeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    """A node that has one result waiting, and people of every kind."""
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    made = Stores(NodeSettings(data_dir=tmp_path / "data"))
    made.migrate()
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
    made.worklist().add(DETAILS.item, DETAILS.findings)
    for name, role in (("ada", UserRole.EXPERT), ("root", UserRole.ADMIN)):
        user = User(name=name, title=f"{name}^Doctor", organization="", roles=frozenset({role}))
        made.users.add(user, "hash", actor="t", at=now)
    yield made
    made.close()


def test_an_item_is_listed_shown_claimed_and_decided(stores: Stores) -> None:
    listed = dicom_node("review", "list").output
    assert ITEM in listed
    assert "1 waiting" in listed
    assert "opacity" in dicom_node("review", "show", ITEM).output
    assert "Held by ada" in dicom_node("review", "claim", ITEM, "--as", "ada").output
    assert "waiting" in dicom_node("review", "release", ITEM, "--as", "ada").output
    assert "Decided." in dicom_node("review", "decide", ITEM, "--as", "ada", "--confirm").output
    assert "opacity confirmed" in dicom_node("review", "show", ITEM).output
    assert "Nothing waits" in dicom_node("review", "list").output
    with pytest.raises(ConflictError, match="decided already, by ada"):
        dicom_node("review", "decide", ITEM, "--as", "ada", "--confirm")


def test_labels_are_judged_one_by_one(stores: Stores) -> None:
    dicom_node(
        "review", "decide", ITEM, "--as", "ada", "--reject", "opacity", "--add", "effusion"
    )  # fmt: skip
    (reading,) = stores.worklist().readings(ITEM)
    assert {each.label: each.judgement.value for each in reading.findings} == {
        "opacity": "rejected",
        "effusion": "added",
    }


def test_a_verdict_that_cannot_be_used_says_why_and_holds_nothing_up(stores: Stores) -> None:
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


def test_an_empty_warehouse_says_so() -> None:
    assert "Nothing has been validated yet" in dicom_node("warehouse", "counts").output


def test_every_command_explains_itself() -> None:
    for command in itertools.chain(("list", "show", "claim", "release", "decide")):
        assert "Usage" in dicom_node("review", command, "--help").output
