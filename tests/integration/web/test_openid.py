"""Signing in at a real OpenID Provider: code flow with PKCE, roles by groups, clear refusals."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from prometheus_client import CollectorRegistry

from dicom_node.audit.message import AuditMessage, Outcome
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.user import UserRole
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.web.application import make_application
from dicom_node.web.openid import OpenIdProvider, ProviderOptions
from dicom_node.web.openid_sign_in import ANSWER, PATH, RefusedByProviderError
from dicom_node.web.server import WebServer
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue
from tests.peers.openid import CLIENT, SECRET, Provider, openid_provider, sign_in_there
from tests.peers.process import free_port
from tests.peers.reading_room import add_people
from tests.schema import give_schema

pytestmark = pytest.mark.peer
LOVELACE = {
    "preferred_username": "A.Lovelace@hospital.example",
    "family_name": "Lovelace",
    "given_name": "Ada",
    "groups": ["radiologists", "choir"],
}
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


@dataclass(slots=True)
class Site:
    """The node's pages on a port of this machine, and what the audit trail was told."""

    url: str
    repositories: Repositories
    told: list[AuditMessage]

    def browser(self) -> httpx.Client:
        """Return a browser without cookies."""
        return httpx.Client(base_url=self.url, headers={"Accept": "text/html"})


@pytest.fixture(scope="module")
def port() -> int:
    """The port of the node, which the provider knows beforehand."""
    return free_port()


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Provider]:
    """A provider that knows the node."""
    folder = tmp_path_factory.mktemp("provider")
    with openid_provider(folder, f"http://127.0.0.1:{port}{ANSWER}") as made:
        yield made


@contextmanager
def _site(folder: Path, issuer: str, port: int, **changes: object) -> Iterator[Site]:
    secret = folder / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    openid = {
        "issuer": issuer,
        "client_id": CLIENT,
        "client_secret_file": str(secret),
        "label": "the hospital",
        "experts": ("radiologists",),
        "admins": ("informatics",),
        **changes,
    }
    settings = NodeSettings.model_validate(
        {"data_dir": folder, "web": {"port": port}, "openid": openid}
    )
    told: list[AuditMessage] = []
    repositories = Repositories(settings)
    give_schema(repositories.engine)
    pages = make_pages(
        settings, repositories, FakeReviewQueue(), version="test", record=told.append
    )
    application = make_application(
        registry=CollectorRegistry(), problems=tuple, version="test", pages=pages
    )
    server = WebServer(application, host="127.0.0.1", port=port)
    server.start()
    try:
        yield Site(f"http://127.0.0.1:{port}", repositories, told)
    finally:
        server.stop()
        repositories.close()


@pytest.fixture
def site(tmp_path: Path, provider: Provider, port: int) -> Iterator[Site]:
    """The pages, at which nobody has a password."""
    with _site(tmp_path, provider.issuer, port) as made:
        yield made


def test_a_group_at_the_provider_is_a_role_here(site: Site, provider: Provider) -> None:
    provider.know({"1815": LOVELACE})
    with site.browser() as browser:
        assert "Sign in with the hospital" in browser.get("/sign-in").text
        page = sign_in_there(browser, f"{PATH}?to=/worklist", "1815")
        assert (page.status_code, page.url.path) == (200, "/worklist")
        # Expert, not administrator.
        assert browser.get("/people").status_code in (403, 404)
    known = site.repositories.users.get("a.lovelace")
    assert known.roles == {UserRole.EXPERT}
    assert known.title == "Lovelace^Ada"
    assert site.repositories.users.password_hash("a.lovelace") is None
    told = site.told[-1]
    assert told.outcome == Outcome.SUCCESS
    assert told.participants[0].user_id == "a.lovelace"


def test_where_nobody_has_a_password_people_of_the_provider_come_in(
    tmp_path: Path, provider: Provider, port: int
) -> None:
    provider.know({"1815": LOVELACE})
    with _site(tmp_path, provider.issuer, port, only=True) as site, site.browser() as browser:
        page = sign_in_there(browser, f"{PATH}?to=/worklist", "1815")
        assert (page.status_code, page.url.path) == (200, "/worklist")
        assert browser.get("/worklist").status_code == 200


def test_the_request_binds_code_token_and_browser(site: Site, provider: Provider) -> None:
    with site.browser() as browser:
        there = browser.get(PATH, follow_redirects=False).headers["Location"]
    asked = parse_qs(urlsplit(there).query)
    assert there.startswith(f"{provider.issuer}/auth?")
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert len(asked["code_challenge"][0]) == 43
    assert asked["state"] and asked["nonce"]
    assert "code_verifier" not in asked


def test_whoever_has_no_role_stays_out(site: Site, provider: Provider) -> None:
    provider.know({"7": {**LOVELACE, "groups": ["choir"]}})
    with site.browser() as browser:
        page = sign_in_there(browser, PATH, "7")
        assert page.status_code == 403
        assert "no role at this node" in page.text
        assert browser.get("/worklist").status_code == 303
    assert site.repositories.users.all() == ()
    refused = site.told[-1]
    assert refused.outcome == Outcome.MINOR_FAILURE
    assert refused.participants[0].user_id == "a.lovelace"


def test_a_name_does_not_open_somebody_elses_account(site: Site, provider: Provider) -> None:
    add_people(site.repositories)
    before = site.repositories.users.get("otto")
    provider.know({"666": {**LOVELACE, "preferred_username": "otto"}})
    with site.browser() as browser:
        page = sign_in_there(browser, PATH, "666")
        assert page.status_code == 403
        assert "somebody else" in page.text
    assert site.repositories.users.get("otto") == before


def test_roles_follow_the_provider_and_older_sessions_end(site: Site, provider: Provider) -> None:
    provider.know({"1815": LOVELACE})
    with site.browser() as before, site.browser() as after:
        sign_in_there(before, PATH, "1815")
        assert before.get("/worklist").status_code == 200
        # The name may change there: here it is still the same person.
        changed = {**LOVELACE, "preferred_username": "countess", "groups": ["informatics"]}
        provider.know({"1815": changed})
        sign_in_there(after, PATH, "1815")
        assert before.get("/worklist").status_code == 303
        assert after.get("/worklist").status_code == 403
    (known,) = site.repositories.users.all()
    assert (known.name, known.roles) == ("a.lovelace", {UserRole.ADMIN})


def test_whoever_is_disabled_here_or_removed(site: Site, provider: Provider) -> None:
    provider.know({"1815": LOVELACE, "9": {**LOVELACE, "family_name": "Byron"}})
    users, at = site.repositories.users, datetime.now(UTC)
    with site.browser() as browser:
        sign_in_there(browser, PATH, "1815")
        users.change(replace(users.get("a.lovelace"), disabled=True), actor="test", at=at)
        browser.cookies.clear()
        assert "kept out" in sign_in_there(browser, PATH, "1815").text
    users.remove("a.lovelace", actor="test", at=at)
    with site.browser() as browser:  # the name is free, and the next one's alone
        assert sign_in_there(browser, PATH, "9").status_code == 200
    assert users.get("a.lovelace").title == "Byron^Ada"


def test_an_answer_is_good_once_and_in_the_browser_that_asked(
    site: Site, provider: Provider
) -> None:
    provider.know({"1815": LOVELACE})
    with site.browser() as browser, site.browser() as other:
        assert browser.get(ANSWER, params={"code": "guess", "state": "guess"}).status_code == 403
        page = sign_in_there(browser, PATH, "1815")
        answer = next(each.url for each in page.history if each.url.path == ANSWER)
        assert other.get(answer).status_code == 403
        assert browser.get(answer).status_code == 403
        other.get(PATH)
        refused = other.get(answer)
        assert refused.status_code == 403
        assert "begun elsewhere" in refused.text


def test_signing_out_ends_the_session_here_and_leads_to_the_provider(
    site: Site, provider: Provider
) -> None:
    provider.know({"1815": LOVELACE})
    with site.browser() as browser:
        page = sign_in_there(browser, PATH, "1815")
        token = _TOKEN.search(page.text)
        assert token
        cookies = dict(browser.cookies)
        left = browser.post("/sign-out", data={"csrf_token": token[1]}, follow_redirects=True)
        assert "Sign out of the hospital too" in left.text
        with site.browser() as copied:
            copied.cookies.update(cookies)
            assert copied.get("/worklist").status_code == 303
        there = browser.get("/sign-out/openid", follow_redirects=False).headers["Location"]
        assert there.startswith(f"{provider.issuer}/session/end?")
        assert browser.get(there).status_code == 200


@pytest.mark.parametrize("spoiled", [{"nonce": "another"}, {"verifier": "another" * 10}])
def test_a_token_for_another_beginning_is_refused(
    provider: Provider, port: int, spoiled: dict[str, str]
) -> None:
    redirect = f"http://127.0.0.1:{port}{ANSWER}"
    ours = OpenIdProvider(
        ProviderOptions(issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET)
    )
    provider.know({"1815": LOVELACE})
    url, begun = ours.begin(redirect)
    # Nobody is there to take the answer: the browser shows where it was sent.
    with httpx.Client() as browser, pytest.raises(httpx.ConnectError) as sent:
        sign_in_there(browser, url, "1815")
    answer = dict(sent.value.request.url.params)
    with pytest.raises(RefusedByProviderError, match="not good"):
        ours.finish(replace(begun, **spoiled), answer, redirect, lambda _: True)


@pytest.mark.parametrize(
    ("spoil", "status", "words"),
    [
        ("issuer", 403, "another issuer"),
        ("over", 403, "too old"),
        ("away", 503, "does not answer"),
    ],
)
def test_refusals_say_why_and_passwords_go_on(
    tmp_path: Path, spoil: str, status: int, words: str
) -> None:
    port = free_port()
    offset = -3000 if spoil == "over" else 0
    with ExitStack() as stack:
        redirect = f"http://127.0.0.1:{port}{ANSWER}"
        provider = stack.enter_context(
            openid_provider(tmp_path, redirect, offset=offset, in_token=True)
        )
        provider.know({"1815": LOVELACE})
        issuer = provider.issuer
        if spoil == "issuer":
            issuer = issuer.replace("127.0.0.1", "localhost")
        if spoil == "away":
            issuer = f"http://127.0.0.1:{free_port()}"
        site = stack.enter_context(_site(tmp_path, issuer, port))
        add_people(site.repositories)
        with site.browser() as browser:
            page = sign_in_there(browser, PATH, "1815") if spoil == "over" else browser.get(PATH)
            assert page.status_code == status
            assert words in page.text
            assert 'name="password"' in page.text
    assert site.told[-1].outcome == Outcome.MINOR_FAILURE
