"""Styles and scripts are compressed and kept; the queue's page is small and loads no viewer."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from fastapi.testclient import TestClient

from dicom_node.node.repositories import Repositories
from dicom_node.web.assets import Assets
from dicom_node.web.frame import STATIC
from tests.peers.office import office_stores
from tests.unit.web.test_administration import visitor

_ADDRESS = re.compile(r'(?:src|href)="(/static/[^"]+)"')
_PART = re.compile(r"""(?:from|import)\s*["'](\./[^"']+)["']""")
_MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with office_stores(tmp_path_factory.mktemp("office")) as made:
        yield made


@pytest.fixture(scope="module")
def expert(stores: Repositories) -> TestClient:
    return visitor(stores, "bert")


def _fetched(client: TestClient, address: str, encoding: str) -> tuple[bytes, int]:
    """The content of an address, and how many bytes came."""
    with client.stream("GET", address, headers={"Accept-Encoding": encoding}) as answer:
        assert answer.status_code == 200
        packed = answer.headers.get("Content-Encoding", "")
        # What is tiny would only grow.
        assert packed == encoding or int(answer.headers["Content-Length"]) < 1024
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Vary"] == "Accept-Encoding"
        raw = b"".join(answer.iter_raw())
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, "": bytes}[packed]
    return bytes(unpack(raw)), len(raw)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_a_script_comes_compressed_and_whole(expert: TestClient, encoding: str) -> None:
    address = Assets(STATIC).url("ui/pages.js")
    content, sent = _fetched(expert, address, encoding)
    assert content == (STATIC / "ui" / "pages.js").read_bytes()
    assert sent < len(content) / 2


@pytest.mark.slow
def test_the_queue_page_is_small_and_loads_no_viewer(expert: TestClient) -> None:
    page = expert.get("/worklist").text
    total, seen = len(page.encode()), set()
    waiting = set(_ADDRESS.findall(page))
    while waiting:
        address = waiting.pop()
        seen.add(address)
        if address.endswith((".js", ".css")):
            content, sent = _fetched(expert, address, "br")
            total += sent
            folder = address.rpartition("/")[0]
            parts = {f"{folder}/{part[2:]}" for part in _PART.findall(content.decode())}
            waiting |= parts - seen
    names = {each.rpartition("/")[2] for each in seen}
    assert {"style.css", "pages.js"} <= names
    assert not names & {"study.js", "cornerstone.js", "core.js", "dcmjs.js", "opengl.js"}
    assert total < _MOST_BYTES, f"{total} bytes"


def test_other_digests_and_other_files_are_not_there(expert: TestClient) -> None:
    good = Assets(STATIC).url("style.css")
    assert expert.get(good).status_code == 200
    assert expert.get(good.replace(Assets(STATIC).digest, "0" * 16)).status_code == 404
    assert expert.get(good.replace("style.css", "nothing.css")).status_code == 404


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip, br;q=0", "gzip"),
        ("br;q=0.5", "br"),
        ("gzip;q=0.0", ""),
        ("identity", ""),
        ("", ""),
    ],
)
def test_the_best_encoding_is_taken_that_is_accepted(accepted: str, encoding: str) -> None:
    assert Assets(STATIC).encoding_for("style.css", accepted) == encoding


def test_a_change_of_any_file_is_another_address(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    before = Assets(tmp_path).url("a.js")
    (tmp_path / "b.js").write_text("1")
    assert Assets(tmp_path).url("a.js") != before
    with pytest.raises(KeyError):
        Assets(tmp_path).url("c.js")
