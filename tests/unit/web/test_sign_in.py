"""Signing in: closed by default, slow for guessers, over at once when somebody is disabled."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from dicom_node.configuration.passwords import hashed, is_right
from dicom_node.configuration.peers import OpenIdSettings
from dicom_node.errors import ConfigurationError
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.web.application import make_application
from dicom_node.web.attempts import SignInAttempts
from dicom_node.web.sessions import session_secret
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.peers.reading_room import PASSWORD, add_people, settings_in
from tests.schema import give_schema

pytestmark = pytest.mark.slow

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[Repositories]:
    """A node's stores, without people."""
    made = Repositories(settings_in(tmp_path))
    give_schema(made.engine)
    yield made
    made.close()


@pytest.fixture
def client(repositories: Repositories) -> TestClient:
    """The pages, with one result on the worklist."""
    review_queue = FakeReviewQueue()
    review_queue.add(fake_details())
    application = make_application(
        registry=CollectorRegistry(),
        problems=tuple,
        version="test",
        pages=make_pages(repositories.settings, repositories, review_queue, version="test"),
    )
    return TestClient(application, headers={"Accept": "text/html"})


def sign_in(client: TestClient, name: str, password: str = PASSWORD, to: str = "") -> int:
    """Sign in as a browser does; return the status before any redirection."""
    page = client.get("/sign-in")
    token = _TOKEN.search(page.text)
    form = {"name": name, "password": password, "to": to, "csrf_token": token[1] if token else ""}
    return client.post("/sign-in", data=form, follow_redirects=False).status_code


def test_without_people_the_page_says_how_to_make_the_first(client: TestClient) -> None:
    page = client.get("/")
    assert page.url.path == "/sign-in"
    assert "dicom-node users add NAME --role expert --role admin" in page.text
    assert "password" not in re.findall(r'<input[^>]*name="([^"]+)"', page.text)


def test_whoever_has_the_password_gets_the_page_that_was_asked_for(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    asked = client.get("/worklist", follow_redirects=False)
    assert asked.headers["Location"] == "/sign-in?to=/worklist"
    assert sign_in(client, " Ada ") == 303
    assert client.get("/worklist").status_code == 200


@pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_nowhere_but_to_the_node(
    repositories: Repositories, client: TestClient, to: str
) -> None:
    add_people(repositories)
    token = _TOKEN.search(client.get("/sign-in").text)
    assert token
    form = {"name": "ada", "password": PASSWORD, "to": to, "csrf_token": token[1]}
    answer = client.post("/sign-in", data=form, follow_redirects=False)
    assert answer.headers["Location"] == "/worklist"


def test_the_sixth_wrong_password_is_not_even_looked_at(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    assert [sign_in(client, "ada", "wrong") for _ in range(6)] == [403] * 5 + [429]
    assert sign_in(client, "ada") == 429
    assert sign_in(client, "bert") == 303


def test_a_form_from_elsewhere_changes_nothing(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    assert client.post("/sign-in", data={"name": "ada", "password": PASSWORD}).status_code == 403
    assert sign_in(client, "ada") == 303
    assert client.post("/worklist/next").status_code == 403
    assert client.post("/worklist/next", headers={"X-CSRF-Token": "guess"}).status_code == 403


def test_a_session_ends_when_the_person_is_disabled_or_the_password_changes(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    now = datetime.now(UTC)
    assert sign_in(client, "ada") == 303
    repositories.users.change(
        replace(repositories.users.get("ada"), disabled=True), actor="test", at=now
    )
    assert client.get("/worklist").url.path == "/sign-in"
    assert sign_in(client, "ada") == 403
    assert sign_in(client, "bert") == 303
    repositories.users.set_password("bert", hashed("another password"), actor="test", at=now)
    assert client.get("/worklist").url.path == "/sign-in"


def test_whoever_gets_a_name_anew_is_not_who_had_it(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    assert sign_in(client, "ada") == 303
    ada, now = repositories.users.get("ada"), datetime.now(UTC)
    repositories.users.remove("ada", actor="test", at=now)
    repositories.users.add(ada, hashed("another password"), actor="test", at=now)
    assert client.get("/worklist").url.path == "/sign-in"


def test_programs_are_told_in_their_words(repositories: Repositories, client: TestClient) -> None:
    answer = client.get("/dicom-web/studies", headers={"Accept": "application/dicom+json"})
    assert (answer.status_code, answer.json()) == (401, {"problem": "sign in first."})
    htmx = client.get("/worklist", headers={"HX-Request": "true"})
    assert (htmx.status_code, htmx.headers["HX-Redirect"]) == (401, "/sign-in")
    here = {"HX-Request": "true", "HX-Current-URL": "http://node/worklist/items/7?a=1#b"}
    back = client.post("/worklist/items/7/verdict", headers=here)
    assert back.headers["HX-Redirect"] == "/sign-in?to=/worklist/items/7", "and back to it"
    odd = client.get("/worklist", headers={"HX-Request": "true", "HX-Current-URL": "http://["})
    assert (odd.status_code, odd.headers["HX-Redirect"]) == (401, "/sign-in")


def test_an_administrator_alone_reviews_nothing(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    assert sign_in(client, "otto") == 303
    assert client.get("/").url.path == "/welcome"
    assert client.get("/worklist").status_code == 403


def test_nobody_who_has_pages_is_told_that_none_is_for_them(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    assert sign_in(client, "ada") == 303
    page = client.get("/welcome").text
    assert "No page is for your role" not in page
    assert 'class="button primary" href="/worklist"' in page


def test_somebody_chooses_a_language_before_and_after_signing_in(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    asked = {"Accept-Language": "ru"}
    page = client.get("/sign-in", headers=asked)
    assert '<html lang="ru">' in page.text
    assert "<h1>Вход</h1>" in page.text
    assert choose(client, page.text, "en") == 303
    assert "<h1>Sign in</h1>" in client.get("/sign-in", headers=asked).text
    sign_in(client, "otto")
    assert "Signed in" in client.get("/welcome", headers=asked).text, "the choice before stays"
    assert choose(client, client.get("/welcome").text, "ru") == 303
    assert repositories.users.get("otto").language == "ru"
    client.cookies.clear()
    sign_in(client, "otto")
    assert "Вы вошли" in client.get("/welcome").text


def choose(client: TestClient, page: str, language: str) -> int:
    """Choose a language by the form of a page; return the status before any redirection."""
    token = _TOKEN.search(page)
    form = {"language": language, "csrf_token": token[1] if token else ""}
    return client.post("/language", data=form, follow_redirects=False).status_code


def test_pages_run_nothing_from_elsewhere_and_are_not_kept(client: TestClient) -> None:
    headers = client.get("/sign-in").headers
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert "unsafe-eval" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    cookie = headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


def test_a_password_is_kept_as_a_hash_that_only_it_fits(repositories: Repositories) -> None:
    add_people(repositories)
    kept = repositories.users.password_hash("ada")
    assert kept is not None
    assert kept.startswith("$argon2id$")
    assert is_right(PASSWORD, kept)
    assert not is_right(PASSWORD + " ", kept)
    assert not is_right(PASSWORD, None)


def test_no_password_is_right_for_somebody_who_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """People of a provider, and owners of tokens alone, have an empty hash."""
    monkeypatch.setattr("dicom_node.configuration.passwords._NOBODY", hashed(PASSWORD))
    assert not is_right(PASSWORD, "")
    assert not is_right("", "")


def test_the_key_of_the_sessions_is_made_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "session.key"
    first = session_secret(path)
    assert len(first) >= 48
    assert session_secret(path) == first
    assert path.stat().st_mode & 0o077 == 0


def test_cookies_are_not_signed_with_an_empty_key(tmp_path: Path) -> None:
    path = tmp_path / "session.key"
    path.touch()
    with pytest.raises(ConfigurationError, match="remove it"):
        session_secret(path)


def test_failures_are_forgotten_after_a_while() -> None:
    clock = FakeClock()
    attempts = SignInAttempts(clock)
    for _ in range(5):
        attempts.failed("ada", "127.0.0.1")
    assert attempts.wait("ada", "127.0.0.1") == timedelta(minutes=15)
    assert attempts.wait("ada", "127.0.0.2") == timedelta()
    clock.now += timedelta(minutes=16)
    assert attempts.wait("ada", "127.0.0.1") == timedelta()


def _only_elsewhere(repositories: Repositories) -> TestClient:
    """The pages of the same node, once it lets nobody in by a password."""
    openid = OpenIdSettings(
        issuer="http://127.0.0.1:9",  # nobody listens there
        client_id="node",
        admins=("it",),
        label="the hospital",
        only=True,
    )
    settings = repositories.settings.model_copy(update={"openid": openid})
    pages = make_pages(settings, repositories, FakeReviewQueue(), version="test")
    application = make_application(
        registry=CollectorRegistry(), problems=tuple, version="test", pages=pages
    )
    return TestClient(application, headers={"Accept": "text/html"})


def test_where_the_provider_alone_lets_people_in_a_password_opens_nothing(
    repositories: Repositories, client: TestClient
) -> None:
    add_people(repositories)
    assert sign_in(client, "ada") == 303
    closed = _only_elsewhere(repositories)
    closed.cookies = client.cookies
    assert closed.get("/worklist", follow_redirects=False).status_code == 303, "nor a session"
    assert client.get("/worklist", follow_redirects=False).status_code == 303, "nor ever again"
    page = closed.get("/sign-in")
    assert "Sign in with the hospital" in page.text
    assert "password" not in re.findall(r'<input[^>]*name="([^"]+)"', page.text)
    assert sign_in(closed, "ada") == 403
    away = closed.get("/sign-in/openid")
    assert (away.status_code, "does not answer" in away.text) == (503, True)
    assert "with a password" not in away.text


@pytest.mark.parametrize(
    "openid",
    [
        {"only": True},
        {"only": True, "issuer": "https://id.example", "client_id": "n", "experts": ("x",)},
    ],
)
def test_a_node_that_would_let_nobody_in_does_not_start(openid: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"openid\.only shuts everybody out"):
        OpenIdSettings.model_validate(openid)
