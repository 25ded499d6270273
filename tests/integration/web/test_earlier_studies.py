"""The reading page shows the patient's earlier studies beside the one that is read."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.prior import Prior, PriorState, SearchState
from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.study import StudyState
from tests.integration.web.test_reading import (
    Shot,
    Visit,
    browser,
    room,
    shot,
    visit,
    wait_for_images,
)
from tests.peers.objects import write_part10
from tests.peers.reading_room import ReadingRoom

pytestmark = pytest.mark.peer
__all__ = ["browser", "room", "shot", "visit"]  # fixtures
STUDY, EARLIER = "1.2.3.1", "1.2.3.99"


def add_prior(room: ReadingRoom) -> None:
    """Put a radiograph of the first study's patient, a year older, beside it as from a PACS."""
    repositories, now = room.repositories, datetime.now(UTC)
    repositories.priors.want([STUDY], "PACS", at=now)
    repositories.retrievals.begin(EARLIER, "PACS", Purpose.PRIOR, at=now)
    uids = StudyUids(study=EARLIER, series=f"{EARLIER}.1", instance=f"{EARLIER}.1.1")
    made = make_radiograph(
        uids, now - timedelta(days=365), ChestOptions(seed=1, rows=320, columns=262)
    )
    (today,) = repositories.index.instances(STUDY)
    patient = repositories.objects.source(today.path)
    for keyword in ("PatientID", "PatientName", "PatientBirthDate"):
        setattr(made.dataset, keyword, patient[keyword].value)
    file = write_part10(repositories.settings.data_dir / "made.dcm", made.dataset)
    stored = repositories.received.store_part10(
        file.read_bytes(), calling_ae="PACS", called_ae="AINODE", received_at=datetime.now(UTC)
    )
    repositories.index.record([stored.instance])
    prior = Prior(
        study_instance_uid=STUDY,
        prior_study_uid=EARLIER,
        archive="PACS",
        study_date=str(made.dataset.StudyDate),
        state=PriorState.HELD,
        listed=1,
        held=1,
    )
    repositories.priors.keep(prior)
    lost = replace(
        prior, prior_study_uid="1.2.3.98", state=PriorState.FAILED, reason="PACS cannot be reached"
    )
    repositories.priors.keep(lost)


def test_an_earlier_study_stands_beside_the_image_with_what_was_verified(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    page = visit("ada")
    page.goto(f"{room.url}/worklist/items/{room.items[0]}")
    wait_for_images(page, room.items[0])
    expect(page.locator("#priors")).to_be_hidden()  # nobody has asked for any

    add_prior(room)
    page.reload()
    wait_for_images(page, room.items[0])
    pane = page.locator("#priors")
    expect(pane).to_contain_text("asking the archive")
    room.repositories.priors.end(STUDY, SearchState.DONE, at=datetime.now(UTC), reason="")
    expect(pane).not_to_contain_text("asking the archive")
    alone = page.locator("#viewport").bounding_box()
    pane.locator("summary").click()
    image = pane.locator("img")
    expect(image).to_have_count(1)
    image.evaluate("each => each.decode()")  # fails where there is no picture
    beside, shown = page.locator("#viewport").bounding_box(), image.bounding_box()
    assert alone is not None
    assert beside is not None
    assert shown is not None
    assert beside["width"] < 0.6 * alone["width"]
    assert shown["x"] >= beside["x"] + beside["width"] - 1
    expect(pane).to_contain_text("No verified result here.")
    expect(pane).to_contain_text("did not come: PACS cannot be reached")
    shot(page, "earlier-studies")
    assert room.repositories.index.study(EARLIER).state is StudyState.PRIOR
