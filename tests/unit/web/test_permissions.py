"""Every route, walked as every role: who gets in, and who does not."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.testclient import TestClient

from dicom_node.dicomweb.uploads import BusyError, Sender, Upload
from dicom_node.domain.user import PERMISSIONS_OF_ROLE, Permission
from dicom_node.node.repositories import Repositories
from tests.peers.office import office_application, office_stores
from tests.peers.reading_room import PEOPLE
from tests.unit.validated import Validated
from tests.unit.web.test_device_pages import device_desk
from tests.unit.web.test_sign_in import sign_in

pytestmark = pytest.mark.slow

ANYBODY, SIGNED_IN = "anybody", "signed in"
# By the beginning of the path, and "GET" or another method; the longest that fits decides.
NEEDED: dict[tuple[str, str], str | Permission | frozenset[Permission]] = {
    ("/health", ""): ANYBODY,
    ("/metrics", ""): ANYBODY,
    ("/sign-in", ""): ANYBODY,
    ("/sign-out", ""): ANYBODY,
    ("/language", ""): ANYBODY,
    ("/", ""): SIGNED_IN,
    ("/welcome", ""): SIGNED_IN,
    ("/docs", ""): SIGNED_IN,
    ("/api/v1/openapi.json", ""): SIGNED_IN,
    ("/worklist", ""): Permission.REVIEW,
    ("/worklist/agreement", "GET"): Permission.DEVICES,
    ("/dicom-web", ""): Permission.IMAGES,
    ("/upload", ""): Permission.UPLOAD,
    ("/dicom-web/studies", "POST"): Permission.UPLOAD,
    ("/calibration", ""): Permission.DEVICES,
    ("/drift", ""): Permission.DEVICES,
    ("/overview", "GET"): Permission.STATUS,
    ("/overview", ""): Permission.OPERATE,
    ("/studies", "GET"): Permission.STATUS,
    ("/studies", ""): Permission.OPERATE,
    ("/studies/{uid}/patient", ""): frozenset({Permission.OPERATE, Permission.IMAGES}),
    ("/disk", ""): Permission.STATUS,
    ("/ae-titles", "GET"): Permission.STATUS,
    ("/ae-titles/new", ""): Permission.CONFIGURE,
    ("/ae-titles", ""): Permission.CONFIGURE,
    ("/ae-titles/echo", ""): Permission.OPERATE,
    ("/routes", "GET"): Permission.STATUS,
    ("/routes/explain", ""): Permission.STATUS,
    ("/routes", ""): Permission.CONFIGURE,
    ("/routes/new", ""): Permission.CONFIGURE,
    ("/api/v1/studies/{uid}/evidence", ""): Permission.IMAGES,
    ("/api/v1/reviews", ""): Permission.REVIEW,
    ("/api/v1/routes", "GET"): Permission.STATUS,
    ("/api/v1/routes", ""): Permission.CONFIGURE,
    ("/api/v1/route-trials", ""): Permission.CONFIGURE,
    ("/deliveries", "GET"): Permission.STATUS,
    ("/deliveries", ""): Permission.OPERATE,
    ("/models", "GET"): Permission.STATUS,
    ("/models", ""): Permission.MODELS,
    ("/api/v1/models", "GET"): Permission.STATUS,
    ("/api/v1/models", ""): Permission.MODELS,
    ("/api/v1/suspensions", "GET"): Permission.STATUS,
    ("/api/v1/suspensions", ""): Permission.MODELS,
    ("/api/v1/self-test", "GET"): Permission.STATUS,
    ("/api/v1/self-test", ""): Permission.OPERATE,
    ("/notifications", ""): Permission.CONFIGURE,
    ("/api/v1/notifications", ""): Permission.CONFIGURE,
    ("/people", ""): Permission.PEOPLE,
    ("/changes", ""): Permission.PEOPLE,
    ("/audit", ""): Permission.PEOPLE,
    ("/api/v1/audit", ""): Permission.PEOPLE,
    ("/api/v1/overview", ""): Permission.STATUS,
    ("/api/v1/studies", "GET"): Permission.STATUS,
    ("/api/v1/studies", ""): Permission.OPERATE,
    ("/api/v1/studies/{uid}/patient", ""): frozenset({Permission.OPERATE, Permission.IMAGES}),
    ("/api/v1/studies/{uid}/patients", ""): frozenset({Permission.OPERATE, Permission.IMAGES}),
    ("/api/v1/held-results", ""): Permission.OPERATE,
    ("/api/v1/failed-studies", ""): Permission.OPERATE,
    ("/api/v1/given-up-deliveries", ""): Permission.OPERATE,
    ("/api/v1/ae-titles", "GET"): Permission.STATUS,
    ("/api/v1/ae-titles", ""): Permission.CONFIGURE,
    ("/api/v1/ae-titles/{title}/echo", ""): Permission.OPERATE,
    ("/api/v1/users", ""): Permission.PEOPLE,
    ("/api/v1/tokens", ""): Permission.PEOPLE,
}


class NoUploads:
    """Whoever gets as far as this is let in."""

    def open(self, sender: Sender, study_instance_uid: str | None) -> Upload:
        """Begin none."""
        del sender, study_instance_uid
        raise BusyError("none is begun here")


VISITORS = ("", "ada", "bert", "rita", "olga", "otto")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with office_stores(tmp_path_factory.mktemp("office")) as made:
        yield made


@pytest.fixture(scope="module")
def client(stores: Repositories) -> TestClient:
    application = office_application(
        stores, device_desk(stores, Validated()), NoUploads(), is_over=lambda: True
    )
    return TestClient(application, follow_redirects=False)


def needed(path: str, method: str) -> str | Permission | frozenset[Permission]:
    """What a route is documented to need; a new one has to be listed first."""
    fitting = [
        (len(start), bool(asked), what)
        for (start, asked), what in NEEDED.items()
        if (path == start or path.startswith(f"{start}/")) and asked in ("", method)
        if start != "/" or path == "/"
    ]
    assert fitting, f"{method} {path}: list in NEEDED who may use it"
    return max(fitting, key=lambda each: each[:2])[2]


def walked(client: TestClient) -> list[tuple[str, str]]:
    """Every route, with each of its methods."""
    application = client.app
    assert isinstance(application, FastAPI)
    paths = get_openapi(title="all", version="1", routes=application.routes)["paths"]
    return [
        (path, method.upper())
        for path, methods in paths.items()
        for method in methods
        if path != "/sign-out"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", VISITORS)
def test_every_route_lets_in_whom_it_should_and_nobody_else(client: TestClient, name: str) -> None:
    client.cookies.clear()
    token = ""
    roles = PEOPLE[name] if name else ()
    if name:
        assert sign_in(client, name) == 303
        found = re.search(r'X-CSRF-Token": "([^"]+)"', client.get("/welcome").text)
        assert found
        token = found[1]
    allowed = frozenset[Permission]().union(*(PERMISSIONS_OF_ROLE[role] for role in roles))
    wrong, routes = [], walked(client)
    assert len(routes) > 60, "all routes, not only the first few"
    for path, method in routes:
        what = needed(path, method)
        every = what if isinstance(what, frozenset) else {what}
        may = what == ANYBODY or (what == SIGNED_IN and bool(name)) or every <= allowed
        filled = re.sub(r"\{[^}]+\}", "1", path)
        answer = client.request(method, filled, headers={"X-CSRF-Token": token})
        refused = answer.status_code in (401, 403)
        if refused == may and not (what == ANYBODY and answer.status_code == 403):
            wrong.append(f"{name or 'anybody'} {method} {path}: {answer.status_code}")
    assert wrong == []


def test_every_rule_is_of_a_route_that_there_is(client: TestClient) -> None:
    paths = [path for path, _ in walked(client)]
    unused = {
        start
        for start, _ in NEEDED
        if not any(path == start or path.startswith(f"{start}/") for path in paths)
    }
    assert unused == {"/sign-out"}


def test_nobody_sees_images_by_administering_or_operating_the_node(client: TestClient) -> None:
    for name in ("otto", "olga"):
        client.cookies.clear()
        assert sign_in(client, name) == 303
        assert client.get("/dicom-web/studies").status_code == 403


def test_a_copied_cookie_opens_nothing_after_its_owner_has_signed_out(client: TestClient) -> None:
    client.cookies.clear()
    assert sign_in(client, "otto") == 303
    page = client.get("/overview")
    copied = dict(client.cookies)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found
    assert client.post("/sign-out", data={"csrf_token": found[1]}).status_code == 303
    client.cookies.clear()
    client.cookies.update(copied)
    assert client.get("/overview").status_code == 401
