"""What opens a peer is written, used and forgotten, and never read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.configuration.peer_credentials import Credentials
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.node.administration import make_people
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from tests.peers.office import office_stores
from tests.unit.web.test_administration import post, visitor
from tests.unit.web.test_api import machine

pytestmark = pytest.mark.slow

_SECRET = "an-opening-word"  # noqa: S105 - of no server
_TITLE = "WEBPACS"
_ENTRY = "/ae-titles/entry?title=WEBPACS"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    with office_stores(tmp_path) as made:
        entity = ApplicationEntity(
            title=_TITLE, url="https://pacs.example/dicom-web", roles=frozenset({Role.PACS})
        )
        made.ae_titles.put(entity, actor="test", at=utc_now())
        yield made


def test_an_administrator_keeps_and_forgets_a_credential_that_no_page_shows(
    stores: Repositories,
) -> None:
    kept, otto = Credentials(stores.settings.data_dir), visitor(stores, "otto")
    said = {"title": _TITLE, "user": "ainode", "secret": _SECRET}
    answer = post(otto, _ENTRY, "/ae-titles/credential", **said)
    assert "The credential is kept" in answer.text
    found = kept.find(_TITLE)
    assert found is not None
    assert (found.user, found.secret) == ("ainode", _SECRET)
    pages = [otto.get(path).text for path in (_ENTRY, "/ae-titles", "/changes")]
    assert not any(_SECRET in page for page in pages)
    assert "ae credential" in pages[-1]
    assert _SECRET not in repr(found)
    post(otto, _ENTRY, "/ae-titles/credential", title=_TITLE, forget="1")
    assert kept.find(_TITLE) is None


def test_what_cannot_be_a_credential_is_refused(stores: Repositories) -> None:
    otto = visitor(stores, "otto")
    for said in ({"secret": ""}, {"secret": "two\nlines"}, {"secret": _SECRET, "user": "a:b"}):
        answer = post(otto, _ENTRY, "/ae-titles/credential", title=_TITLE, **said)
        assert "Not kept" in answer.text, said
    assert Credentials(stores.settings.data_dir).find(_TITLE) is None


def test_a_program_keeps_one_and_another_address_or_no_entry_forgets_it(
    stores: Repositories,
) -> None:
    kept = Credentials(stores.settings.data_dir)
    program = machine(stores, make_people(stores.users, stores.tokens), "status", "configure")
    path = f"/api/v1/ae-titles/{_TITLE}"

    def keep() -> None:
        assert program.put(f"{path}/credential", json={"secret": _SECRET}).status_code == 204
        assert kept.has(_TITLE)

    def change(**fields: str) -> None:
        read = program.get(path)
        tag = {"If-Match": read.headers["ETag"]}
        changed = program.put(path, json={**read.json(), **fields}, headers=tag)
        assert changed.status_code == 200, changed.text

    keep()
    change(description="the archive")
    change(url="https://pacs.example/other")
    assert kept.has(_TITLE), "the same server"
    change(url="https://elsewhere.example/dicom-web")
    assert not kept.has(_TITLE), "a credential is told to no other server"
    keep()
    assert program.delete(f"{path}/credential").status_code == 204
    assert not kept.has(_TITLE)
    keep()
    tag = {"If-Match": program.get(path).headers["ETag"]}
    assert program.delete(path, headers=tag).status_code == 204
    assert not kept.has(_TITLE)
    assert program.put("/api/v1/ae-titles/NOBODY/credential", json={}).status_code == 404
