"""The administrator's pages: what there is, what is refused beside its field, what is mended."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydicom.data import get_testdata_file

from dicom_node.administration.overview import Overview, Pulse
from dicom_node.domain.application_entity import Compression, Proof
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyState
from dicom_node.models.promotions import JOURNAL_NAME
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.tables import INSTANCES
from dicom_node.web.administration.events import changes
from tests.peers.office import (
    ANALYSED,
    FAILED,
    add_peers,
    add_traffic,
    office_administration,
    office_application,
    office_stores,
)
from tests.peers.reading_room import add_people, settings_in
from tests.schema import give_schemas
from tests.unit.builders import EPOCH, an_entity
from tests.unit.web.test_sign_in import sign_in

pytestmark = pytest.mark.slow

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_VERSION = re.compile(r'name="version" value="([^"]+)"')
_ENTRY = {"host": "10.0.0.7", "port": "104", "roles": "modality", "quiet_period": "2"}


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    with office_stores(tmp_path) as made:
        yield made


@pytest.fixture
def client(stores: Repositories) -> TestClient:
    return visitor(stores, "otto")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    """Stores that the tests using them leave as they are."""
    with office_stores(tmp_path_factory.mktemp("kept")) as made:
        yield made


@pytest.fixture(scope="module")
def onlooker(kept: Repositories) -> TestClient:
    """An administrator whose requests change nothing."""
    return visitor(kept, "otto")


def visitor(stores: Repositories, name: str) -> TestClient:
    """A browser of somebody who has signed in."""
    made = TestClient(office_application(stores), headers={"Accept": "text/html"})
    assert sign_in(made, name) == 303
    return made


def post(client: TestClient, page: str, path: str, **form: object) -> httpx.Response:
    """Send a form that ``page`` shows, with what it carries hidden."""
    shown = client.get(page).text
    token, version = _TOKEN.search(shown), _VERSION.search(shown)
    assert token
    hidden = {"csrf_token": token[1], "version": version[1] if version else ""}
    return client.post(path, data={**hidden, **form})


def test_the_first_page_says_what_came_waits_failed_and_was_given_up(onlooker: TestClient) -> None:
    page = onlooker.get("/").text
    assert "<b>5</b> <span>studies arrived</span><small>10 images</small>" in page
    assert "<b>2</b> <span>wait</span>" in page
    assert "the model ended early" in page
    assert "ARCHIVE refused the association" in page
    assert "the transfer broke off" in page
    assert page.count("not administered") == 1


def test_failed_studies_and_given_up_deliveries_are_tried_again_by_a_button(
    client: TestClient, stores: Repositories
) -> None:
    said = post(client, "/overview", "/overview/rerun")
    assert "1 failed study will be tried again." in said.text
    assert stores.index.study(FAILED).state is StudyState.RECEIVING
    said = post(client, "/overview", "/overview/retry")
    assert "2 deliveries will be tried again." in said.text
    assert stores.deliveries.counts()["ARCHIVE", DeliveryState.PENDING] == 2
    actions = [(change.actor, change.action) for _, change in stores.audit.recent(2)]
    assert actions == [("otto", "delivery retry"), ("otto", "study rerun")]


def test_one_study_is_shown_whole_and_analysed_or_sent_again(
    client: TestClient, stores: Repositories
) -> None:
    page = client.get(f"/studies/{ANALYSED}").text
    assert "chest-radiograph" in page
    assert "ARCHIVE refused the association" in page
    post(client, f"/studies/{ANALYSED}", f"/studies/{ANALYSED}/rerun")
    assert stores.index.study(ANALYSED).state is StudyState.RECEIVING
    said = post(client, f"/studies/{ANALYSED}", f"/studies/{ANALYSED}/resend")
    assert "Results are sent again: 2 to go." in said.text
    assert stores.deliveries.counts()["PACS", DeliveryState.PENDING] == 1
    assert client.get("/studies/1.2.3.4.5.6").status_code == 404


@pytest.mark.parametrize(
    ("shown", "count"),
    [
        ("all", 5),
        ("waiting", 2),
        ("failed", 1),
        ("undecided", 0),
        ("not-routed", 1),
        ("analysed", 1),
    ],
)
def test_studies_are_listed_by_where_they_stand(
    onlooker: TestClient, shown: str, count: int
) -> None:
    page = onlooker.get(f"/studies?shown={shown}").text
    assert len(re.findall(r'class="uid"', page)) == count


def test_an_ae_title_is_added_changed_and_removed(client: TestClient, stores: Repositories) -> None:
    said = post(client, "/ae-titles/new", "/ae-titles/new", title="DX 2/B", **_ENTRY)
    assert "DX 2/B is added" in said.text
    where = "/ae-titles/entry?title=DX%202%2FB"
    post(client, where, where, **{**_ENTRY, "port": "11104", "destinations": "PACS"})
    changed = stores.ae_titles.get("DX 2/B")
    assert (changed.port, changed.destinations) == (11104, ("PACS",))
    said = post(client, where, "/ae-titles/remove", title="DX 2/B")
    assert "DX 2/B is removed" in said.text
    assert stores.ae_titles.find("DX 2/B") is None


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title", "", "is not an AE title"),
        ("title", "SEVENTEEN_LETTERS", "is not an AE title"),
        ("title", "CR1", "administered already"),
        ("host", "", "Give a host name"),
        ("host", "h" * 65, "no host name"),
        ("host", "é" * 60, "no host name"),
        ("host", "<b>pacs</b>", "no host name"),
        ("host", "10.0.0.5:104", "no host name"),
        ("host", "pacs\a", "cannot be seen"),
        ("description", "\x1b[31mred", "cannot be seen"),
        ("port", "0", "not in 1 to 65535"),
        ("port", "²", "Write a whole number"),
        ("port", "1" * 5000, "too long"),
        ("port", "", "Write a whole number"),
        ("roles", "seller", "modality"),
        ("quiet_period", "-1", "use 0 to 3600 s"),
        ("quiet_period", "nan", "use 0 to 3600 s"),
        ("patience", "soon", "Write a number"),
        ("destinations", "AINODE", "is this node"),
        ("evidence", "xml", "Use 'sr'"),
    ],
)
def test_what_cannot_be_used_is_said_beside_its_field_and_nothing_typed_is_lost(
    onlooker: TestClient, kept: Repositories, field: str, value: str, words: str
) -> None:
    typed = {"title": "CR9", **_ENTRY, "description": "Typed with care", field: value}
    before = kept.ae_titles.all()
    said = post(onlooker, "/ae-titles/new", "/ae-titles/new", **typed)
    assert said.status_code in (409, 422)
    marked = re.search(rf'id="{field}-wrong"[^>]*>([^<]*)<', said.text)
    assert marked, "the message stands beside the field"
    assert words in marked[1].replace("&#39;", "'")
    assert field == "description" or 'value="Typed with care"' in said.text
    assert kept.ae_titles.all() == before


@pytest.mark.parametrize(
    "host",
    [
        *("pacs.example.org.", "röntgen", "ro\u0308ntgen", "हिन्दी.example", "PACS-1.KLINIK"),
        *("2001:db8::1", "fe80::1", "fe80::1%eth0", "PACS_1"),
    ],
)
def test_every_way_to_name_a_host_is_taken(
    client: TestClient, stores: Repositories, host: str
) -> None:
    post(client, "/ae-titles/new", "/ae-titles/new", title="CR9", **{**_ENTRY, "host": host})
    assert stores.ae_titles.get("CR9").host == host


def test_of_two_people_who_edit_the_same_entry_the_second_is_told_who_was_first(
    client: TestClient, stores: Repositories
) -> None:
    where = "/ae-titles/entry?title=CR1"
    opened = client.get(where).text
    token, version = _TOKEN.search(opened), _VERSION.search(opened)
    assert token
    assert version
    other = visitor(stores, "ada")
    post(other, where, where, **_ENTRY)
    form = {**_ENTRY, "host": "10.9.9.9", "csrf_token": token[1], "version": version[1]}
    said = client.post(where, data=form)
    assert said.status_code == 409
    assert "CR1 was changed by ada at" in said.text
    assert 'value="10.9.9.9"' in said.text, "what the second has typed is still there"
    assert stores.ae_titles.get("CR1").host == "10.0.0.7"


def test_what_a_form_does_not_say_stays_as_it_is(client: TestClient, stores: Repositories) -> None:
    where = "/ae-titles/entry?title=PACS"
    form = {**_ENTRY, "roles": "pacs", "evidence": "sr", "compression": "rle", "proof": "find"}
    post(client, where, where, **form)
    assert stores.ae_titles.get("PACS").compression is Compression.RLE
    assert stores.ae_titles.get("PACS").proof is Proof.FIND
    del form["compression"]
    post(client, where, where, **form)
    assert stores.ae_titles.get("PACS").compression is Compression.RLE


def test_a_peer_that_does_not_answer_is_said_to_and_why(client: TestClient) -> None:
    said = post(client, "/ae-titles", "/ae-titles/echo", title="CR1")
    assert "The C-ECHO failed" in said.text
    assert "CR1" in said.text


def test_an_operator_mends_but_changes_no_configuration(stores: Repositories) -> None:
    client = visitor(stores, "olga")
    assert "Try all again" in client.get("/overview").text
    assert post(client, "/overview", "/overview/rerun").status_code == 200
    page = client.get("/ae-titles/entry?title=CR1").text
    assert "disabled" in page
    assert client.get("/ae-titles/new").status_code == 403
    refused = post(client, "/overview", "/ae-titles/new", title="X", **_ENTRY)
    assert (refused.status_code, "role admin" in refused.text) == (403, True)


@pytest.mark.parametrize("after", ["²", "9" * 5000, "2026-01-01~", "2026-01-01T00:00:00~1.2"])
def test_an_address_that_names_no_place_of_a_list_is_a_bad_request(
    onlooker: TestClient, after: str
) -> None:
    assert onlooker.get("/studies", params={"after": after}).status_code == 400
    assert onlooker.get("/studies", params={"shown": after}).status_code == 400
    assert onlooker.get("/changes", params={"before": after}).status_code == 400


def test_people_are_added_changed_kept_out_and_removed(
    client: TestClient, stores: Repositories
) -> None:
    form = {"name": "rosa", "roles": "operator", "password": "short", "title": "Rossi^Rosa"}
    said = post(client, "/people/new", "/people/new", **form)
    assert said.status_code == 422
    assert 'id="password-wrong"' in said.text
    assert 'value="Rossi^Rosa"' in said.text
    assert "short" not in said.text.replace("entry-short", ""), "a password is never shown"
    post(client, "/people/new", "/people/new", **{**form, "password": "a long enough one"})
    assert sign_in(TestClient(client.app), "rosa", "a long enough one") == 303
    where = "/people/person?name=rosa"
    said = post(client, where, where, roles=["reader", "operator"], organization="Clinic")
    assert "rosa is changed" in said.text
    assert stores.users.get("rosa").title == "Rossi^Rosa"
    assert (
        "rosa may no longer sign in"
        in post(client, "/people", "/people/disable", name="rosa", disabled="1").text
    )
    assert stores.users.get("rosa").disabled
    assert "rosa is removed" in post(client, where, "/people/remove", name="rosa").text
    assert stores.users.find("rosa") is None
    assert "user remove" in client.get("/changes").text


def test_of_two_people_who_change_a_third_the_second_is_told(
    client: TestClient, stores: Repositories
) -> None:
    where = "/people/person?name=rita"
    token, version = (found.search(client.get(where).text) for found in (_TOKEN, _VERSION))
    assert token
    assert version
    post(visitor(stores, "ada"), where, where, roles="reader", organization="First")
    form = {"roles": "expert", "csrf_token": token[1], "version": version[1]}
    said = client.post(where, data=form)
    assert (said.status_code, "user rita was changed by ada" in said.text.lower()) == (409, True)


def test_a_token_is_shown_once(client: TestClient) -> None:
    form = {"name": "dashboard", "owner": "otto", "scopes": "status", "days": "30"}
    said = post(client, "/people/tokens/new", "/people/tokens/new", **form)
    found = re.search(r'class="secret">(dn_[^<]+)<', said.text)
    assert found
    assert found[1] not in client.get("/people").text
    headers = {"Authorization": f"Bearer {found[1]}"}
    assert TestClient(client.app).get("/api/v1/overview", headers=headers).status_code == 200
    said = post(client, "/people/tokens/new", "/people/tokens/new", **{**form, "days": "9999"})
    assert (said.status_code, "1 to 730 days" in said.text) == (422, True)


_ROUTE = {"model": "chest-radiograph", "modalities": "cr, dx", "readers": "1"}


def test_a_route_is_added_changed_removed_and_the_file_counts_again(
    client: TestClient, stores: Repositories
) -> None:
    form = {**_ROUTE, "name": "hands", "body_parts": "chest", "destinations": "PACS"}
    assert "Route hands is added" in post(client, "/routes/new", "/routes/new", **form).text
    routes = office_administration(stores).routes
    added = routes.current().named("hands")
    assert (added.modalities, added.destinations) == ({"CR", "DX"}, ("PACS",))
    assert [each.name for each in routes.in_use()] == ["chest-radiograph", "chest-ct", "hands"]
    where = "/routes/entry?name=hands"
    post(client, where, where, **{**form, "urgent": "1"})
    assert routes.current().named("hands").urgent
    post(client, where, "/routes/remove", name="hands")
    assert len(routes.in_use()) == 2
    assert not routes.current().is_of_file
    post(client, "/routes", "/routes/reset")
    assert routes.current().is_of_file
    assert "route change" in client.get("/changes").text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("name", "", "give a name"),
        ("name", "x" * 65, "at most 64"),
        ("name", "chest-ct", "already"),
        ("name", "\u202erouter", "cannot be seen"),
        ("name", "chest\a", "cannot be seen"),
        ("model", "no-such-model", "no-such-model"),
        ("destinations", "NOBODY", "not administered"),
        ("readers", "3", "use 1 or 2"),
        ("readers", "²", "whole number"),
    ],
)
def test_a_route_that_could_not_work_is_refused_beside_its_field(
    onlooker: TestClient, kept: Repositories, field: str, value: str, words: str
) -> None:
    typed = {**_ROUTE, "name": "hands", "descriptions": "typed, with care", field: value}
    said = post(onlooker, "/routes/new", "/routes/new", **typed)
    assert said.status_code in (409, 422)
    marked = re.search(rf'id="{field}-wrong"[^>]*>([^<]*)<', said.text)
    assert marked
    assert words.lower() in marked[1].lower()
    assert 'value="typed, with care"' in said.text
    assert office_administration(kept).routes.current().is_of_file


def test_no_route_sends_the_node_its_own_results(client: TestClient, stores: Repositories) -> None:
    here = an_entity("HERE", port=11112, destinations=())
    stores.ae_titles.put(here, actor="t", at=EPOCH)
    form = {**_ROUTE, "name": "hands", "destinations": "HERE"}
    said = post(client, "/routes/new", "/routes/new", **form)
    assert said.status_code == 422
    assert "HERE is at this node&#39;s own address" in said.text
    stores.ae_titles.put(replace(here, port=104), actor="t", at=EPOCH)
    assert "Route hands is added" in post(client, "/routes/new", "/routes/new", **form).text


def test_of_two_people_who_change_a_route_the_second_is_told(
    client: TestClient, stores: Repositories
) -> None:
    where = "/routes/entry?name=chest-radiograph"
    token, version = (found.search(client.get(where).text) for found in (_TOKEN, _VERSION))
    assert token
    assert version
    post(visitor(stores, "ada"), where, where, **_ROUTE, urgent="1")
    form = {**_ROUTE, "csrf_token": token[1], "version": version[1], "views": "PA"}
    said = client.post(where, data=form)
    assert said.status_code == 409
    assert "route chest-radiograph was changed" in said.text.lower()
    assert 'value="PA"' in said.text
    assert office_administration(stores).routes.current().named("chest-radiograph").urgent


def test_a_route_is_tried_on_what_came_before_it_counts(
    onlooker: TestClient, kept: Repositories
) -> None:
    where = "/routes/try?name=chest-radiograph"
    form = {**_ROUTE, "calling_ae_titles": "CT*"}
    said = post(onlooker, "/routes/entry?name=chest-radiograph", where, **form)
    assert "Of the last 5 studies, 4 would go elsewhere than now." in said.text
    assert office_administration(kept).routes.current().is_of_file


def test_a_past_study_and_a_dropped_file_are_explained(onlooker: TestClient) -> None:
    said = onlooker.get("/routes/explain", params={"study": ANALYSED}).text
    assert "wants it" in said
    assert "does not want it" in said
    page = onlooker.get("/routes/explain").text
    token = _TOKEN.search(page)
    assert token
    sent = {"file": ("x.dcm", Path(str(get_testdata_file("CT_small.dcm"))).read_bytes())}
    said = onlooker.post("/routes/explain", data={"csrf_token": token[1]}, files=sent).text
    assert "modality: modality CT is not one of CR, DX, RG, XR" in said
    broken = {"file": ("x.dcm", b"not DICOM")}
    said = onlooker.post("/routes/explain", data={"csrf_token": token[1]}, files=broken).text
    assert 'class="notice notice-problem"' in said


def test_given_up_deliveries_are_listed_with_their_study_and_sent_again_in_bulk(
    client: TestClient, stores: Repositories
) -> None:
    page = client.get("/deliveries").text
    assert page.count("ARCHIVE refused the association") == 3, "of the destination, and of each"
    assert f'href="/studies/{ANALYSED}"' in page
    said = post(client, "/deliveries", "/deliveries/retry", destination="ARCHIVE")
    assert "2 deliveries to ARCHIVE will be tried again." in said.text
    assert stores.deliveries.given_up_counts() == {}
    assert "No delivery was given up." in client.get("/deliveries").text


def test_models_show_their_cards_and_figures_and_what_is_active(onlooker: TestClient) -> None:
    page = onlooker.get("/models").text
    assert "chest-radiograph" in page
    assert "active" in page
    where = re.search(r'href="(/models/card\?name=chest-radiograph[^"]+)"', page)
    assert where
    card = onlooker.get(where[1].replace("&amp;", "&")).text
    assert "95 % interval" in card
    assert "Limits" in card
    assert "on images that it had not seen" in card
    assert onlooker.get("/models/card?name=none&version=1").status_code == 404


def test_an_active_version_that_is_no_longer_installed_is_named(
    client: TestClient, stores: Repositories
) -> None:
    path = stores.settings.models_dir / JOURNAL_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    said = {"at": "2026-01-01T00:00:00+00:00", "by": "otto", "change": "promote"}
    gone = {"model": "chest-radiograph", "before": "", "after": "0.9.0", "weights_digest": ""}
    path.write_text(json.dumps(said | gone) + "\n", encoding="utf-8")
    page = client.get("/models").text
    assert page.count("Version 0.9.0 is active, but not installed") == 1
    assert client.get("/overview").status_code == 200
    assert client.get("/routes").status_code == 200
    assert client.get(f"/studies/{ANALYSED}").status_code == 200


def test_no_button_stands_where_it_could_only_fail(
    client: TestClient, stores: Repositories
) -> None:
    assert "/models/rollback" not in client.get("/models").text, "nothing was ever promoted"
    assert "the only administrator" not in client.get("/people").text
    post(client, "/people", "/people/disable", name="ada", disabled="1")
    people = client.get("/people").text
    assert "the only administrator" in people
    only = client.get("/people/person?name=otto").text
    assert "/people/remove" not in only
    assert "give somebody the role first" in only
    assert "/people/remove" in client.get("/people/person?name=ada").text
    again = f"/studies/{FAILED}/rerun"
    assert again in client.get(f"/studies/{FAILED}").text
    with stores.engine.begin() as connection:
        connection.execute(sa.delete(INSTANCES).where(INSTANCES.c.study_instance_uid == FAILED))
    assert again not in client.get(f"/studies/{FAILED}").text, "its images were removed"
    assert again not in client.get("/studies").text


def test_a_model_is_kept_from_a_device_and_let_look_again(
    client: TestClient, stores: Repositories
) -> None:
    card = "/models/card?name=chest-radiograph&version=2.0.0"
    form = {"name": "chest-radiograph", "version": "2.0.0", "device": "cr1-0000", "reason": ""}
    said = post(client, card, "/models/suspend", **form)
    assert (said.status_code, 'id="reason-wrong"' in said.text) == (422, True)
    assert 'value="cr1-0000"' in said.text
    unseen = post(client, card, "/models/suspend", **{**form, "reason": "half\aof it"})
    assert (unseen.status_code, 'id="reason-wrong"' in unseen.text) == (422, True)
    gone = post(client, card, "/models/suspend", **{**form, "version": "9.9.9", "reason": "Why"})
    assert gone.status_code == 404
    post(client, card, "/models/suspend", **{**form, "reason": "Half of it is rejected"})
    assert [each.actor for each in stores.observations.suspensions()] == ["otto"]
    assert "Half of it is rejected" in client.get("/overview").text
    post(client, "/models", "/models/resume", name="chest-radiograph", device="cr1-0000")
    assert stores.observations.suspensions() == ()


def test_an_empty_node_says_what_to_do_first_and_ticks_what_is_done(tmp_path: Path) -> None:
    stores = Repositories(settings_in(tmp_path / "empty"))
    give_schemas(stores)
    add_people(stores)
    client = visitor(stores, "otto")
    page = client.get("/")
    assert page.url.path == "/overview/start"
    assert page.text.count("step-done") == 1, "the routes that come with the node"
    add_peers(stores)
    assert client.get("/").url.path == "/overview"
    assert client.get("/overview/start").text.count("step-done") == 3
    add_traffic(stores)
    assert client.get("/overview/start").text.count("step-done") == 5
    stores.close()


def test_from_where_an_ae_title_calls_is_shown_and_set(
    client: TestClient, stores: Repositories
) -> None:
    assert re.search(r'name="callers"[^>]*value="host"', client.get("/ae-titles/new").text)
    where = "/ae-titles/entry?title=CT1"
    wrong = post(client, where, where, **{**_ENTRY, "callers": "x"})
    assert "is no address" in wrong.text
    said = {**_ENTRY, "callers": "host, 10.0.0.0/24", "certificates": "ab" * 32}
    post(client, where, where, **said)
    entity = stores.ae_titles.get("CT1")
    assert (entity.callers, entity.certificates) == (("host", "10.0.0.0/24"), ("ab" * 32,))
    assert "host, 10.0.0.0/24" in client.get("/ae-titles").text


def test_the_overview_is_told_of_changes_and_of_nothing_else(stores: Repositories) -> None:
    overview = office_administration(stores).operations.overview
    pulse = Pulse(overview, period=0, monotonic=float)
    over = threading.Event()

    async def said() -> list[str]:
        found = []
        async for each in changes(pulse, over.is_set, before, second=0.01):
            found.append(each)
            if len(found) == 1:
                stores.index.reopen_failed()
            elif len(found) == 2:
                over.set()
        return found

    before = pulse()
    found = asyncio.run(said())
    after = pulse()
    assert before != after
    assert found == [f"retry: 1000\nid: {before}\n\n", f"event: changed\nid: {after}\ndata: 1\n\n"]


def test_what_changed_before_anybody_listened_is_told(
    client: TestClient, stores: Repositories
) -> None:
    """Between a page and its events, and between two requests for them, nothing is missed."""
    page = client.get("/overview").text
    (where,) = re.findall(r'data-live="([^"]+)"', page)
    stores.index.reopen_failed()
    with client.stream("GET", where) as answered:
        told = answered.iter_text()
        assert f"id: {where.rpartition('=')[2]}\n" in next(told)
        (known,) = re.findall("event: changed\nid: (.+)\n", next(told))
    with client.stream("GET", where, headers={"Last-Event-ID": known}) as answered:
        assert f"id: {known}\n" in next(answered.iter_text())


def test_nothing_new_is_no_change_and_is_looked_at_once_for_all(stores: Repositories) -> None:
    looked = []
    overview = office_administration(stores).operations.overview
    now = [0.0]

    def look() -> Overview:
        looked.append(1)
        return overview()

    pulse = Pulse(look, period=1, monotonic=lambda: now[0])
    first = pulse()
    assert [pulse() for _ in range(5)] == [first] * 5
    assert len(looked) == 1
    now[0] = 1.0
    assert pulse() == first, "that time passes is no change"
    assert len(looked) == 2


def test_events_are_for_those_who_may_look(stores: Repositories) -> None:
    assert visitor(stores, "bert").get("/overview/events").status_code == 403
