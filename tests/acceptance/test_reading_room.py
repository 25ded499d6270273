"""An expert's browser at a whole node: from the modality's C-STORE to the verdict in the PACS.

Real parts throughout: DCMTK sends, the node runs by its public command, Chromium reads, Orthanc is
the PACS.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dicom_node.domain.review.review import ReviewItem
from sr_templates.report_reading import predecessors_of
from tests.acceptance.conftest import MODALITY, Hospital
from tests.acceptance.test_corridor import _chest, _errors_of_dciodvfy
from tests.peers.chromium import chromium
from tests.peers.dcmtk import storescu

pytestmark = pytest.mark.peer
_PASSWORD = "correct horse battery"  # noqa: S105 - of a test's own user
_SECOND = "philips-cr-chest-pa-monochrome1-j2k.dcm"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with chromium() as running:
        yield running


def _waiting(hospital: Hospital, count: int) -> tuple[ReviewItem, ...]:
    """Wait until ``count`` results wait for an expert, in the order of the queue."""
    repositories = hospital.node.repositories()

    def listed() -> tuple[ReviewItem, ...]:
        items = repositories.review_queue().items().items
        return items if len(items) == count else ()

    found = hospital.node.wait_for(f"{count} results to wait", listed)
    repositories.close()
    return found


def _signed_in(browser: Browser, hospital: Hospital) -> Page:
    hospital.node.environment["DICOM_NODE_NEW_PASSWORD"] = _PASSWORD
    added = hospital.node.ask(
        "users", "add", "ada", "--role", "expert", "--title", "Expert^Ada", "--organization", "Test"
    )
    assert added.returncode == 0, added.stderr
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(f"http://127.0.0.1:{hospital.node.web_port}")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/worklist")
    return page


def _opened(page: Page, item: ReviewItem) -> None:
    page.wait_for_selector(f'#stage[data-shown="{item.item_id}"]')


def test_two_keys_verify_one_result_and_the_next_one_is_rejected(
    hospital: Hospital, browser: Browser, tmp_path: Path
) -> None:
    for path, syntax in ((_chest(), "-xv"), (_chest(_SECOND), "-xw")):
        sent = storescu(hospital.node.peer, [path], calling=MODALITY, options=[syntax])
        assert sent.returncode == 0, sent.stderr
    ai_reports, _ = hospital.wait_for_reports(2)
    by_study = {each.StudyInstanceUID: each for each in ai_reports}
    first, second = _waiting(hospital, 2)
    page = _signed_in(browser, hospital)
    page.keyboard.press("Enter")
    _opened(page, first)
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    _opened(page, second)
    page.get_by_role("radio", name="Reject result").check()
    page.get_by_label("Comment on the whole").fill("Another patient")
    page.locator("#sign").click()
    expect(page.get_by_text("Nothing here.")).to_be_visible()
    page.close()

    reports, _ = hospital.wait_for_reports(3)
    (verified,) = [each for each in reports if each.VerificationFlag == "VERIFIED"]
    ai_report = by_study[first.study_instance_uid]
    assert predecessors_of(verified) == (ai_report.SOPInstanceUID,)
    assert verified.SeriesInstanceUID == ai_report.SeriesInstanceUID
    (observer,) = verified.VerifyingObserverSequence
    assert observer.VerifyingObserverName == "Expert^Ada"
    assert observer.VerifyingOrganization == "Test"
    assert _errors_of_dciodvfy(verified, tmp_path) == []

    (rejection,) = hospital.node.wait_for(
        "the rejection in the PACS",
        lambda: [each for each in hospital.objects() if each.Modality == "KO"],
    )
    assert rejection.ConceptNameCodeSequence[0].CodeMeaning == "Rejected for Quality Reasons"
    assert rejection.StudyInstanceUID == second.study_instance_uid
    named = str(rejection.CurrentRequestedProcedureEvidenceSequence)
    assert by_study[second.study_instance_uid].SOPInstanceUID in named
    assert "Another patient" in str(rejection.ContentSequence)

    # Only the device whose result was confirmed has validated labels to count.
    hospital.node.wait_for(
        "the record to be counted",
        lambda: first.device.device_id in hospital.node.ask("warehouse", "counts").stdout,
    )
    assert second.device.device_id not in hospital.node.ask("warehouse", "counts").stdout
