"""What is wrong leads to where it is mended, and forms say all that is wrong at once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.health import Problem, Severity
from dicom_node.domain.job import JobState
from dicom_node.node.repositories import Repositories
from dicom_node.web.frame import Frame
from dicom_node.web.languages import page_language
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.language.language import LanguageCode
from tests.peers.office import ANALYSED, office_application, office_stores
from tests.unit.web.test_administration import post, visitor
from tests.unit.web.test_sign_in import sign_in

pytestmark = pytest.mark.slow

PROBLEMS = tuple(
    Problem(kind=kind, about=about, severity=Severity.DEGRADED, words=f"{kind} of {about}")
    for kind, about in (
        ("stuck studies", ""),
        ("undecided studies", ""),
        ("failed studies", ""),
        ("destination down", "PACS"),
        ("given-up deliveries", "PACS"),
        ("untold commitments", "CR1"),
        ("model", "chest-radiograph"),
        ("disk", "/data"),
        ("service", "remote"),
    )
)


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with office_stores(tmp_path_factory.mktemp("office")) as made:
        yield made


def in_trouble(stores: Repositories) -> TestClient:
    """An administrator's browser at a node with a problem of every kind that a page shows."""
    application = office_application(stores, problems=lambda: PROBLEMS)
    client = TestClient(application, headers={"Accept": "text/html"})
    assert sign_in(client, "otto") == 303
    return client


def test_what_is_wrong_leads_to_the_page_where_it_is_looked_at(stores: Repositories) -> None:
    client = in_trouble(stores)
    page = client.get("/overview").text
    alerts = re.findall(r'<p class="alert">.*?</p>', page)
    for problem in PROBLEMS:
        (said,) = [each for each in alerts if problem.words.lower() in each.lower()]
        (address,) = re.findall(r'<a href="([^"]+)">', said)
        assert client.get(address).status_code == 200, problem.kind


def test_a_problem_of_somebody_whom_nobody_administers_has_no_page(stores: Repositories) -> None:
    gone = Problem(
        kind="destination down",
        about="GONE",
        severity=Severity.DEGRADED,
        words="GONE is down",
        advice="dicom-node ae echo GONE tries it",
    )
    client = TestClient(
        office_application(stores, problems=lambda: (gone,)), headers={"Accept": "text/html"}
    )
    assert sign_in(client, "otto") == 303
    page = client.get("/overview").text
    assert "title=GONE" not in page
    assert "dicom-node ae echo GONE tries it" in page


def test_an_active_model_that_is_not_loaded_is_not_called_active_alone(
    stores: Repositories,
) -> None:
    page = in_trouble(stores).get("/models").text
    assert page.count("active, not loaded") == 1
    assert "Model of chest-radiograph" in page


def test_what_room_there_is_and_what_goes_is_shown(stores: Repositories) -> None:
    page = visitor(stores, "olga").get("/disk").text
    assert str(stores.settings.data_dir) in page
    assert "stay, however old they are" in page
    assert "Now nothing would go." in visitor(stores, "olga").get("/disk?going=1").text


def test_held_results_are_named_with_their_study_and_checked_again_by_a_button(
    tmp_path: Path,
) -> None:
    with office_stores(tmp_path) as stores:
        stores.received.open()
        stores.evidence.open()
        held = EvidenceObject(
            job_id="1" * 32,
            series_instance_uid="1.2.9.7",
            kind=EvidenceKind.SC,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
            sop_instance_uid="1.2.9.77",
            path="gone.dcm",
            problems=("Burned In Annotation (0028,0301) has no value (type 1)",),
        )
        stores.hotbase.keep_evidence([held])
        otto = visitor(stores, "otto")
        page = otto.get("/overview").text
        assert f'href="/studies/{ANALYSED}"' in page
        assert "Burned In Annotation (0028,0301) has no value" in page
        said = post(otto, "/overview", "/overview/held")
        assert "0 go out now, 1 are made anew, 0 stay held." in said.text
        assert stores.hotbase.jobs(ANALYSED)[0]["state"] != JobState.DONE
        ((_, change),) = stores.audit.recent(1)
        assert (change.actor, change.action) == ("otto", "evidence retry")


def test_all_that_is_wrong_with_an_ae_title_is_said_at_once(stores: Repositories) -> None:
    entry = {"title": "PACS", "host": "no such host", "port": "abc", "roles": "modality"}
    said = post(visitor(stores, "otto"), "/ae-titles/new", "/ae-titles/new", **entry).text
    assert "AE title PACS is administered already: change that entry." in said
    assert "This is no host name and no IP address" in said
    assert "Write a whole number." in said


def test_a_new_route_has_no_model_until_one_is_chosen(stores: Repositories) -> None:
    otto = visitor(stores, "otto")
    page = otto.get("/routes/new").text
    assert '<option value="">choose a model</option>' in page
    assert "There are PACS." in page
    said = post(otto, "/routes/new", "/routes/new", name="knee", model="", readers="1")
    assert said.status_code == 422
    assert "Choose a model." in said.text


@pytest.mark.parametrize("code", list(LanguageCode))
def test_every_kind_of_result_has_a_name_in_every_language(code: LanguageCode) -> None:
    template = Frame(version="test")._environment(page_language(code)).get_template("evidence.html")
    names = [str(template.module.evidence_name(kind.value)) for kind in EvidenceKind]  # type: ignore[attr-defined]
    assert all(names)
    assert ("report" in names) == (code is LanguageCode.ENGLISH)


@pytest.mark.parametrize("path", ["/people/new", "/people/tokens/new", "/notifications"])
def test_what_may_be_ticked_is_said_in_the_language_of_the_page(
    stores: Repositories, path: str
) -> None:
    otto = visitor(stores, "otto")
    page = otto.get(path, headers={"Accept-Language": "ru"}).text
    choices = re.findall(r'type="checkbox"[^>]*> <span>([^<]+)</span>', page)
    assert len(choices) > 2
    assert [each for each in choices if not re.search("[а-я]{4}", each)] == []


def test_what_a_destination_said_is_said_in_the_language_of_the_page() -> None:
    said = page_language(LanguageCode.RUSSIAN).said
    down = "PACS is down since 2026-01-02 03:04 UTC, 2 deliveries wait: PACS at h port 9"
    assert "2 доставки ждут" in said(f"{down} cannot be reached")
    assert "недоступен" in said("PACS at 10.0.0.1 port 104 cannot be reached")
