"""What the worklist's pages answer to verdicts that cannot be: the reason, and nothing is lost."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from httpx import Response
from itsdangerous import TimestampSigner
from prometheus_client import CollectorRegistry

from dicom_node.audit.message import AuditMessage
from dicom_node.domain.review.review import (
    FindingVerdict,
    Judgement,
    Reviewer,
    ReviewerRole,
    ReviewState,
    Verdict,
)
from dicom_node.domain.review.rules import superseded
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.attribute_tables import STUDY_ATTRIBUTES
from dicom_node.persistence.corridor.attributes import json_text, study_row
from dicom_node.web.application import make_application
from dicom_node.web.frame import STATIC
from dicom_node.web.sessions import SESSION_SECONDS, UNATTENDED
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from sr_templates.language.language import LanguageCode
from tests.peers.reading_room import add_people, settings_in
from tests.schema import give_schema
from tests.unit.domain.test_ct_rules import CT
from tests.unit.web.test_sign_in import sign_in

pytestmark = pytest.mark.slow

ITEM = fake_details(1).item.item_id
NEWER = fake_details(2).item.item_id
BERT = Reviewer(
    user_name="bert", person_name="Bert", organisation="Test", role=ReviewerRole.VERIFIER
)


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    """The accounts that all tests share."""
    made = Repositories(settings_in(tmp_path_factory.mktemp("node")))
    give_schema(made.engine)
    add_people(made)
    yield made
    made.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A person's browser, and the worklist that it looks at."""

    client: TestClient
    review_queue: FakeReviewQueue
    clock: FakeClock

    def says(self, path: str, **form: str) -> Response:
        """Send a form as the page does, by HTMX."""
        return self.client.post(
            f"/worklist/items/{path}",
            data=form,
            headers={"X-CSRF-Token": self.token, "HX-Request": "true"},
        )

    @property
    def token(self) -> str:
        """The token of the session."""
        found = re.search(r'"X-CSRF-Token": "([^"]+)"', self.client.get("/worklist").text)
        assert found is not None
        return found[1]

    def readings(self) -> int:
        """Return how many verdicts there are on the item."""
        return len(self.review_queue.readings(ITEM))


@pytest.fixture(scope="module")
def shared_queue() -> FakeReviewQueue:
    """The worklist that all tests share; each starts with its own rows."""
    return FakeReviewQueue()


@pytest.fixture(scope="module")
def application(repositories: Repositories, shared_queue: FakeReviewQueue) -> FastAPI:
    """The pages over the worklist: making them takes longer than a test."""
    pages = make_pages(repositories.settings, repositories, shared_queue, version="test")
    return make_application(
        registry=CollectorRegistry(), problems=tuple, version="test", pages=pages
    )


@pytest.fixture
def desk(application: FastAPI, shared_queue: FakeReviewQueue) -> Desk:
    """Ada, signed in, before two results."""
    review_queue, clock = shared_queue, FakeClock(datetime.now(UTC))
    for kept in (review_queue.details, review_queue.given, review_queue.drawn, review_queue.firsts):
        kept.clear()
    review_queue.clock = clock
    review_queue.add(fake_details(1))
    review_queue.add(fake_details(2))
    client = TestClient(application, headers={"Accept": "text/html"})
    assert sign_in(client, "ada") == 303
    return Desk(client=client, review_queue=review_queue, clock=clock)


@pytest.fixture
def hours(application: FastAPI, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let hours pass for the sessions and for their cookies."""
    clock = FakeClock(datetime.now(UTC))
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(clock().timestamp()))
    monkeypatch.setitem(application.state._state, "clock", clock)

    def pass_hours(count: float) -> None:
        clock.advance(count * 3600)

    return pass_hours


def refused(answer: Response, *words: str) -> None:
    """Check that the page stays and says above itself what is wrong."""
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#notices"
    assert 'role="alert"' in answer.text
    for each in words:
        assert each in answer.text


def test_what_somebody_else_holds_is_not_decided(desk: Desk) -> None:
    desk.review_queue.claim(ITEM, BERT)
    refused(desk.says(f"{ITEM}/verdict", overall="agree"), "held by bert until")
    refused(desk.says(f"{ITEM}/claim"), "held by bert until")
    refused(desk.says(f"{ITEM}/extend"), "held by bert until")
    assert desk.readings() == 0
    assert desk.review_queue.item(ITEM).holder == "bert"
    page = desk.client.get(f"/worklist/items/{ITEM}").text
    assert "You can look, not decide." in page


def test_reading_study_after_study_keeps_the_session_for_two_shifts_at_most(
    desk: Desk, hours: Callable[[float], None]
) -> None:
    for number in range(3):
        hours(5)
        page = desk.client.get(f"/worklist/items/{(ITEM, NEWER)[number % 2]}")
        assert page.url.path != "/sign-in"
    hours(0.9)
    assert desk.client.get("/worklist").url.path == "/worklist"
    hours(0.2)
    assert desk.client.get("/worklist").url.path == "/sign-in"


@pytest.mark.parametrize(
    ("idle", "page"), [(SESSION_SECONDS - 1, "/worklist"), (SESSION_SECONDS, "/sign-in")]
)
def test_a_session_is_over_after_eight_hours_to_the_second(
    desk: Desk, hours: Callable[[float], None], idle: int, page: str
) -> None:
    assert SESSION_SECONDS == 8 * 3600
    hours(1)
    assert desk.client.get("/worklist").url.path == "/worklist"
    hours(idle / 3600)
    assert desk.client.get("/worklist").url.path == page


@pytest.mark.parametrize(
    ("method", "path", "element"),
    [("GET", "/worklist", "queue"), ("POST", f"/worklist/items/{ITEM}/extend", "hold")],
)
def test_pages_that_ask_by_themselves_keep_no_session(
    method: str, path: str, element: str, desk: Desk, hours: Callable[[float], None]
) -> None:
    timer = {"HX-Request": "true", "HX-Trigger": element, "X-CSRF-Token": desk.token}
    desk.says(f"{ITEM}/claim")
    for _ in range(3):
        hours(2.5)
        answer = desk.client.request(method, path, headers=timer)
        assert answer.status_code in (200, 204)
        assert "Set-Cookie" not in answer.headers
    hours(0.5)
    answer = desk.client.request(method, path, headers=timer)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


def test_choosing_another_queue_is_something_that_a_person_does(
    desk: Desk, hours: Callable[[float], None]
) -> None:
    for shown in ("decided", "open"):
        hours(7)
        answer = desk.client.get(f"/worklist?shown={shown}", headers={"HX-Request": "true"})
        assert answer.status_code == 200


def test_whatever_a_page_asks_every_few_seconds_is_known_to_come_from_nobody() -> None:
    timers = [
        tag
        for page in (STATIC.parent / "templates").glob("*.html")
        for tag in re.findall(r"<[^>]*hx-trigger=[^>]*", page.read_text(encoding="utf-8"))
        if "every " in tag
    ]
    names = [re.search(r'\bid="([^"]+)"', tag) for tag in timers]
    assert {name[1] if name else "" for name in names} == UNATTENDED


def _described(repositories: Repositories, number: int, **values: str) -> None:
    study = f"1.2.3.{number}"
    attributes = json_text({"StudyInstanceUID": study, **values})
    with repositories.engine.begin() as connection:
        connection.execute(
            sa.delete(STUDY_ATTRIBUTES).where(STUDY_ATTRIBUTES.c.study_instance_uid == study)
        )
        connection.execute(sa.insert(STUDY_ATTRIBUTES), study_row(study, attributes))


@pytest.fixture
def patients(repositories: Repositories) -> None:
    """Who the two studies are of."""
    _described(
        repositories,
        1,
        PatientName="Ivanova^Anna",
        PatientID="P-1",
        PatientBirthDate="19700301",
        PatientSex="F",
        StudyDate="20260228",
        AccessionNumber="A77",
    )
    _described(repositories, 2, PatientName="Nurlan^Aizhan", PatientID="P-2", PatientAge="004M")


def test_the_queue_says_whose_results_wait(desk: Desk, patients: None) -> None:
    page = desk.client.get("/worklist").text
    for said in ("Ivanova, Anna", "P-1", "55 y", "2026-02-28", "A77", "Nurlan, Aizhan", "4 mo"):
        assert said in page


def test_a_patient_is_searched_for_without_a_name_in_any_address(
    desk: Desk, patients: None, application: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit: list[AuditMessage] = []
    monkeypatch.setitem(application.state._state, "record", audit.append)
    search = {"words": "ivanova", "csrf_token": desk.token}
    answer = desk.client.post("/worklist/search", data=search)
    assert "Ivanova, Anna" in answer.text
    assert "Nurlan" not in answer.text
    for each in (*answer.history, answer):
        assert "ivanova" not in str(each.url).lower()
        assert "ivanova" not in str(each.headers).lower()
    assert desk.client.post("/worklist/next", data=search).url.path.endswith(ITEM)
    (asked,) = [each for each in audit if "ivanova" in str(each)]
    assert asked.event.meaning == "Query"
    other = TestClient(desk.client.app, headers={"Accept": "text/html"})
    assert sign_in(other, "bert") == 303
    page = other.get(str(answer.url)).text
    assert "ivanova" not in page
    assert "This search is over" in page


def _shown(page: str) -> bool:
    """Whether a page says anything of what the model found."""
    return any(
        said in page for said in ("Model says", "/heat-maps/", "90 %", '"positive"', "Medium")
    )


def test_who_reads_first_is_shown_the_result_only_after_saying_what_is_there(desk: Desk) -> None:
    details = desk.review_queue.details[ITEM]
    by_rule = replace(details, item=replace(details.item, reads_first=True))
    desk.review_queue.details[ITEM] = by_rule
    desk.says(f"{ITEM}/claim")
    page = desk.client.get(f"/worklist/items/{ITEM}").text
    assert "Read first" in page
    assert not _shown(page)
    refused(desk.says(f"{ITEM}/verdict", overall="agree"), "Say first what you see")
    answer = desk.client.get(f"/worklist/items/{ITEM}/heat-maps/0.png")
    assert answer.status_code == 409
    long = desk.says(f"{ITEM}/first", present="opacity", comment="x" * 1025)
    beside = {"comment": "A comment has at most 1024 characters."}
    assert (long.status_code, json.loads(long.headers["HX-Trigger"])) == (
        422,
        {"refused": {"fields": beside}},
    )
    assert desk.review_queue.first_reading(ITEM, "ada") is None, "not cut without a word"
    shown = desk.says(f"{ITEM}/first", present="effusion", comment="on the left")
    assert _shown(shown.text)
    assert "You said first: <strong>Effusion</strong>" in shown.text
    desk.says(f"{ITEM}/first", present="opacity")
    first = desk.review_queue.first_reading(ITEM, "ada")
    assert first is not None
    assert (first.present, first.by_model) == (("effusion",), ("opacity",))
    assert (first.labels, first.comment) == (("opacity", "effusion"), "on the left")
    assert desk.says(f"{ITEM}/verdict", overall="agree").status_code == 200


@pytest.mark.parametrize("code", LanguageCode)
def test_the_figures_of_a_ct_are_shown_in_every_language(desk: Desk, code: LanguageCode) -> None:
    details = fake_details(3)
    desk.review_queue.add(replace(details, ct=CT, findings=(), vocabulary=()))
    asked = {"Accept-Language": code.value}
    answer = desk.client.get(f"/worklist/items/{details.item.item_id}", headers=asked)
    assert answer.status_code == 200
    assert f'<html lang="{code.value}"' in answer.text
    for side in ("right lung", "left lung"):
        assert f'value="{side}"' in answer.text
    assert ("Still to say" in answer.text) is (code is LanguageCode.ENGLISH)
    # What a field of numbers holds is for the browser, which writes it as its reader does.
    assert re.search(r'name="percentage.0" type="number"[^>]* value="30.0"', answer.text)


def test_somebody_may_want_to_read_first(desk: Desk) -> None:
    assert "<strong>Opacity</strong>" in desk.client.get("/worklist").text
    for wanted, hidden in (("1", True), ("", False)):
        form = {"csrf_token": desk.token, "wanted": wanted}
        page = desk.client.post("/worklist/reads-first", data=form).text
        assert ("<strong>Opacity</strong>" not in page) is hidden
        assert _shown(desk.client.get(f"/worklist/items/{ITEM}").text) is not hidden


def test_nobody_says_what_is_there_on_what_is_not_theirs(desk: Desk) -> None:
    refused(desk.says(f"{ITEM}/first", present="opacity"), "is not claimed")
    desk.review_queue.claim(ITEM, BERT)
    refused(desk.says(f"{ITEM}/first", present="opacity"), "held by bert")


def test_a_session_counts_its_cases_and_ends_in_the_queue(desk: Desk) -> None:
    for number in (3, 4):
        desk.review_queue.add(fake_details(number))
    start = {"csrf_token": desk.token, "cases": "2"}
    page = desk.client.post("/worklist/next", data=start)
    assert "Case 1 of 2" in page.text
    first = page.url.path.rpartition("/")[2]
    further = desk.says(f"{first}/verdict", overall="agree")
    assert "Case 2 of 2" in further.text
    assert f'Signed. <a href="/worklist/items/{first}">' in further.text
    second = further.headers["HX-Push-Url"].rpartition("/")[2]
    last = desk.says(f"{second}/verdict", overall="agree")
    assert last.headers["HX-Redirect"] == "/worklist"
    assert "Session finished: 2 results in 1 min." in desk.client.get("/worklist").text
    states = [each.item.state for each in desk.review_queue.details.values()]
    assert states.count(ReviewState.DECIDED) == 2
    assert states.count(ReviewState.CLAIMED) == 0
    looked = desk.client.get(f"/worklist/items/{first}").text
    assert "Decided by ada" in looked
    assert "confirmed" in looked


def test_terms_are_offered_for_what_has_no_label(desk: Desk) -> None:
    page = desk.client.get(f"/worklist/items/{ITEM}").text
    assert '<option value="Kerley B line">DCM 112110</option>' in page


def test_agreement_has_a_page(desk: Desk) -> None:
    assert "Nothing has been decided yet" in desk.client.get("/worklist/agreement").text


def test_nothing_is_decided_twice(desk: Desk) -> None:
    desk.review_queue.claim(ITEM, BERT)
    confirmed = FindingVerdict(
        image_uid="1.2.3.1.1.1", label="opacity", judgement=Judgement.CONFIRMED
    )
    desk.review_queue.decide(Verdict(item_id=ITEM, reviewer=BERT, findings=(confirmed,)))
    refused(desk.says(f"{ITEM}/verdict", overall="reject"), "decided already, by bert")
    refused(desk.says(f"{ITEM}/claim"), "decided already, by bert")
    (reading,) = desk.review_queue.readings(ITEM)
    assert not reading.rejected
    assert "Decided by bert" in desk.client.get(f"/worklist/items/{ITEM}").text


def test_a_superseded_result_names_the_newer_one(desk: Desk) -> None:
    desk.says(f"{ITEM}/claim")
    details = desk.review_queue.details[ITEM]
    desk.review_queue.details[ITEM] = replace(details, item=superseded(details.item, NEWER))
    refused(desk.says(f"{ITEM}/verdict", overall="agree"), "is superseded", NEWER)
    assert desk.readings() == 0
    page = desk.client.get(f"/worklist/items/{ITEM}").text
    assert f'href="/worklist/items/{NEWER}"' in page


def test_a_claim_that_ran_out_says_how_to_go_on(desk: Desk) -> None:
    refused(desk.says(f"{ITEM}/verdict", overall="agree"), "is not claimed: claim it first")
    desk.says(f"{ITEM}/claim")
    desk.clock.advance(3600)
    refused(desk.says(f"{ITEM}/verdict", overall="agree"), "Claim it again")
    assert desk.says(f"{ITEM}/claim").status_code == 200
    assert desk.says(f"{ITEM}/verdict", overall="agree").status_code == 200
    assert desk.review_queue.item(ITEM).state is ReviewState.DECIDED


def test_a_verdict_that_says_too_little_says_what_is_missing(desk: Desk) -> None:
    desk.says(f"{ITEM}/claim")
    refused(desk.says(f"{ITEM}/verdict"), "Say first whether you agree")
    refused(desk.says(f"{ITEM}/verdict", overall="correct"), "whether it is so: Opacity")
    row = {"label.0": "opacity", "image.0": "1.2.3.1.1.1", "judgement.0": "changed"}
    refused(
        desk.says(f"{ITEM}/verdict", overall="correct", **row, **{"changed_to.0": "other"}),
        "what the other finding is",
    )
    refused(
        desk.says(f"{ITEM}/verdict", overall="correct", **row, **{"box.0": "4,4,4,4"}),
        "draw it again",
    )
    assert desk.readings() == 0
    assert desk.review_queue.item(ITEM).holder == "ada"


def test_the_second_reader_is_somebody_else(desk: Desk) -> None:
    desk.review_queue.add(fake_details(1, readers=2))
    desk.says(f"{ITEM}/claim")
    assert desk.says(f"{ITEM}/verdict", overall="agree").status_code == 200
    refused(desk.says(f"{ITEM}/claim"), "you have read it already", "somebody else")
    assert desk.review_queue.item(ITEM).state is ReviewState.WAITING


def test_what_is_not_there_and_who_may_not_are_told_so(desk: Desk) -> None:
    gone = desk.client.get(f"/worklist/items/{'f' * 32}")
    assert gone.status_code == 404
    assert "does not exist" in gone.text
    stale = desk.client.post(f"/worklist/items/{ITEM}/claim")
    assert stale.status_code == 403
    assert "load it again" in stale.text
    other = TestClient(desk.client.app, headers={"Accept": "text/html"})
    assert sign_in(other, "otto") == 303
    page = other.get("/worklist")
    assert page.status_code == 403
    assert "needs the role expert or reader" in page.text


def test_what_is_many_is_not_counted_out(desk: Desk) -> None:
    for number in range(10, 1010):
        desk.review_queue.add(fake_details(number))
    page = desk.client.get("/worklist").text
    assert "Open <b>999+</b>" in page
    assert "Decided <b>0</b>" in page


def test_the_most_uncertain_result_comes_first_where_that_order_is_chosen(desk: Desk) -> None:
    unclear = fake_details(3, probabilities=(("opacity", 0.51),))
    desk.review_queue.add(unclear)
    token = desk.token
    page = desk.client.get("/worklist", params={"sort": "uncertainty"}).text
    assert re.search(r'<option value="uncertainty"[^>]*selected', page)
    assert page.index('aria-label="98') < page.index('aria-label="20')
    taken = desk.client.post(
        "/worklist/next", headers={"X-CSRF-Token": token}, follow_redirects=False
    )
    assert taken.headers["location"].endswith(unclear.item.item_id)


def decided(desk: Desk) -> None:
    desk.says(f"{ITEM}/claim")
    desk.says(f"{ITEM}/verdict", overall="agree")


def test_a_verdict_is_shown_and_taken_back_with_a_reason(desk: Desk) -> None:
    decided(desk)
    page = desk.client.get(f"/worklist/items/{ITEM}").text
    assert "said-confirmed" in page
    assert f'hx-post="/worklist/items/{ITEM}/reopen"' in page
    refused(desk.says(f"{ITEM}/reopen", reason=" "), "Say why")
    long = desk.says(f"{ITEM}/reopen", reason="x" * 1025)
    assert (long.status_code, "A reason has at most 1024 characters." in long.text) == (422, True)
    panel = desk.says(f"{ITEM}/reopen", reason="the <other> side").text
    assert "the &lt;other&gt; side" in panel
    assert "said-confirmed" in panel, "what had been said"
    assert 'data-reading="0"' in panel, "and it can be taken over"
    assert desk.review_queue.item(ITEM).holder == "ada"
    desk.says(f"{ITEM}/verdict", overall="reject")
    page = desk.client.get(f"/worklist/items/{ITEM}").text
    assert "said-rejected" in page
    assert "the &lt;other&gt; side" in page, "the history stays"


def test_no_verdict_is_taken_back_whose_images_were_removed(desk: Desk) -> None:
    decided(desk)
    desk.review_queue.details[ITEM] = replace(desk.review_queue.details[ITEM], images=())
    page = desk.client.get(f"/worklist/items/{ITEM}").text
    assert "The images were removed here: have the study sent again" in page
    assert f"{ITEM}/reopen" not in page
    assert 'data-no-image="they are not here any more"' in page


def test_what_was_decided_once_is_not_read_first_again(desk: Desk) -> None:
    desk.client.post("/worklist/reads-first", data={"wanted": "1", "csrf_token": desk.token})
    desk.says(f"{ITEM}/claim")
    desk.says(f"{ITEM}/first", present="opacity")
    desk.says(f"{ITEM}/verdict", overall="agree")
    assert "Model says" in desk.says(f"{ITEM}/reopen", reason="wrong").text
    desk.client.post("/worklist/reads-first", data={"wanted": "", "csrf_token": desk.token})
