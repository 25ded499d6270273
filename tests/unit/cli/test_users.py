"""`dicom-node users`: who may sign in."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dicom_node.cli.application import application
from dicom_node.errors import ConfigurationError, ConflictError, NotFoundError

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[3] / "config"
_SECRET = "a quiet dark room"  # noqa: S105 - opens nothing but this test


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands work on a data folder of their own."""
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path))


def run(*arguments: str, typed: str = "") -> str:
    """Run a command; return what it says, or raise what it raised."""
    done = CliRunner().invoke(
        application, ["--config", str(CONFIG), "users", *arguments], input=typed
    )
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def test_somebody_is_added_listed_disabled_and_let_in_again() -> None:
    assert "Nobody may sign in yet" in run("list")
    typed = f"{_SECRET}\n{_SECRET}\n"
    assert "Added ada (admin, expert)." in run(
        "add", "ada", "--role", "expert", "--role", "admin", "--title", "Lovelace^Ada", typed=typed
    )
    assert "Lovelace^Ada" in run("list")
    run("disable", "ada")
    assert "disabled" in run("list")
    run("enable", "ada")
    assert "disabled" not in run("list")
    other = f"{_SECRET} next door"
    assert other not in run("password", "ada", typed=f"{other}\n{other}\n")


@pytest.mark.parametrize(
    ("title", "why"),
    [
        ("Lovelace\\Ada", "has a backslash"),
        ("Lovelace^Ada=Ada", "has an equals sign"),
        ("Lovelace\n^Ada", "do not print"),
        ("L" * 65, "is longer than 64 characters"),
        ("L^A^B^C^D^E", "more than 4 carets"),
        ("  ", "is empty"),
        ("^", "is empty"),
    ],
)
def test_a_title_that_a_report_cannot_carry_is_refused(title: str, why: str) -> None:
    typed = f"{_SECRET}\n{_SECRET}\n"
    with pytest.raises(ConfigurationError, match=why):
        run("add", "ada", "--role", "expert", "--title", title, typed=typed)
    assert "Nobody may sign in yet" in run("list")
    run("add", "ada", "--role", "expert", "--title", "L" * 60 + "^Ada", typed=typed)


def test_what_cannot_be_is_refused_in_words() -> None:
    typed = f"{_SECRET}\n{_SECRET}\n"
    run("add", "ada", "--role", "reader", typed=typed)
    with pytest.raises(ConflictError, match="ada exists already"):
        run("add", "ada", "--role", "reader", typed=typed)
    with pytest.raises(ConfigurationError, match="is not a user name"):
        run("add", "../ada", "--role", "reader", typed=typed)
    with pytest.raises(ConfigurationError, match="10 to 1024 characters"):
        run("password", "ada", typed="short\nshort\n")
    with pytest.raises(NotFoundError, match="users list"):
        run("disable", "bert")


def test_a_password_is_not_replaced_by_itself() -> None:
    typed = f"{_SECRET}\n{_SECRET}\n"
    run("add", "ada", "--role", "admin", typed=typed)
    with pytest.raises(ConfigurationError, match="it is the one that is in use"):
        run("password", "ada", typed=typed)
    run("password", "ada", typed="a loud bright hall\n" * 2)


def test_nobody_gets_a_password_where_the_provider_alone_lets_people_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    openid = {"ISSUER": "https://id.example", "CLIENT_ID": "node", "ADMINS": '["it"]', "ONLY": "1"}
    for name, value in openid.items():
        monkeypatch.setenv(f"DICOM_NODE_OPENID__{name}", value)
    assert "Added robot" in run("add", "robot", "--role", "operator"), "for tokens"
    with pytest.raises(ConfigurationError, match=r"openid\.only is set"):
        run("password", "robot")
    with pytest.raises(ConfigurationError, match=r"openid\.only is set"):
        run("add", "ada", "--role", "admin", "--password", _SECRET)
    monkeypatch.setenv("DICOM_NODE_OPENID__ONLY", "0")
    run("add", "ada", "--role", "admin", "--password", _SECRET)
