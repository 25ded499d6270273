"""`dicom-node notify`: who is told."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.notices.errors import NoticeError
from tests.peers.notified import webhook

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[3] / "config"
_TOKEN = "hush-hush-token"  # noqa: S105 - of a receiver that lives for one test


def run(*arguments: str, typed: str = "") -> str:
    """Run a command; return what it says, or raise what it raised."""
    done = CliRunner().invoke(
        application, ["--config", str(CONFIG), "notify", *arguments], input=typed
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_a_channel_is_added_listed_tried_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path))
    assert "Nobody is told" in run("test")
    with webhook() as hook:
        said = run("add", "on call", "--of", "failing", typed=f"{hook.url(_TOKEN)}\n")
        assert "Added on call: JSON at 127.0.0.1" in said
        said += run("list")
        assert "nothing yet" in said
        said += run("test")
        assert len(hook.posts) == 1
        hook.status = 500
        with pytest.raises(NoticeError) as caught:
            run("test", "on call")
    assert _TOKEN not in said + str(caught.value)
    run("remove", "on call")
    assert "Nobody is told" in run("list")
