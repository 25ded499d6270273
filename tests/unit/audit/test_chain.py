"""The chain on disk: what was changed, removed or moved is found, and named."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_node.audit.chain import Chain, files_in, head_of, newest_first, parsed
from dicom_node.audit.errors import AuditError
from dicom_node.audit.verifying import verify

MESSAGES = [f"<AuditMessage>{number} ä</AuditMessage>" for number in range(1, 11)]
Spoil = Callable[[list[str]], list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trail of ten records."""
    chain = Chain(tmp_path / "audit")
    chain.append(MESSAGES[:4])
    chain.append(MESSAGES[4:])
    return tmp_path / "audit"


def spoilt(folder: Path, spoil: Spoil) -> list[str]:
    """What verifying says after something was done to the lines."""
    path = files_in(folder)[0]
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(spoil(lines)))
    return list(verify(folder).problems)


def test_a_trail_is_whole_as_it_was_written(folder: Path) -> None:
    found = verify(folder)
    assert (found.records, found.last, found.problems) == (10, 10, ())
    assert found.digest == head_of(folder).digest
    assert verify(folder, digest=found.digest).problems == ()


def test_a_changed_record_is_named(folder: Path) -> None:
    found = spoilt(folder, lambda lines: [each.replace(">7 ", ">8 ") for each in lines])
    assert found == ["record 7 (audit-000000000001.jsonl line 7) was changed"]


def test_a_record_replaced_with_a_digest_that_fits_it_is_missed_by_the_next(folder: Path) -> None:
    def replace(lines: list[str]) -> list[str]:
        other = Chain(folder.parent / "other")
        other.append(["<AuditMessage/>"] * 7)
        found = files_in(folder.parent / "other")[0].read_text().splitlines(keepends=True)
        return [*lines[:6], found[6], *lines[7:]]

    problems = spoilt(folder, replace)
    assert any("record 7" in each and "does not continue record 6" in each for each in problems)
    assert any("record 8" in each and "does not continue record 7" in each for each in problems)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda lines: lines[:3] + lines[5:], ["records 4 to 5 are missing"]),
        (lambda lines: lines[1:], ["record 1 is missing"]),
        (lambda lines: lines[:-1], ["record 10 is missing"]),
        (lambda _: [], ["records 1 to 10 are missing"]),
        (
            lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
            ["record 4 (audit-000000000001.jsonl line 5) comes after 5: moved or copied"],
        ),
        (
            lambda lines: [*lines, lines[2]],
            ["record 3 (audit-000000000001.jsonl line 11) comes after 10: moved or copied"],
        ),
        (
            lambda lines: [*lines[:3], "{}\n", *lines[4:]],
            ["audit-000000000001.jsonl line 4 is no record any more", "record 4 is missing"],
        ),
    ],
)
def test_what_was_removed_or_moved_is_named(folder: Path, spoil: Spoil, said: list[str]) -> None:
    assert spoilt(folder, spoil) == said


def test_a_trail_that_goes_on_after_its_end_was_cut_still_misses_it(folder: Path) -> None:
    spoilt(folder, lambda lines: lines[:-2])
    Chain(folder).append(["<AuditMessage/>"])
    assert list(verify(folder).problems) == ["records 9 to 10 are missing"]


def test_a_trail_without_a_digest_that_somebody_kept_is_another(folder: Path) -> None:
    assert list(verify(folder, digest="0" * 64).problems) == [
        f"no record has the digest {'0' * 64}"
    ]


def test_full_files_are_followed_by_others_and_the_first_may_lie_elsewhere(tmp_path: Path) -> None:
    chain = Chain(tmp_path, file_bytes=4096)
    for number in range(60):
        chain.append([f"<AuditMessage>{number}</AuditMessage>"])
    files = files_in(tmp_path)
    assert len(files) > 2
    assert verify(tmp_path).problems == ()
    files[0].unlink()
    begin = parsed(files[1].read_bytes().splitlines()[0]).number
    assert verify(tmp_path).problems == (f"records 1 to {begin - 1} are missing",)
    assert verify(tmp_path, first=begin).problems == ()


def test_only_the_nodes_user_reads_the_trail(folder: Path) -> None:
    assert {each.stat().st_mode & 0o077 for each in (folder, *folder.iterdir())} == {0}


def test_a_line_that_a_crash_tore_is_written_again_whole(folder: Path) -> None:
    path = files_in(folder)[0]
    with path.open("ab") as file:
        file.write(b'{"number": 11, "previous": "')
    Chain(folder).append(["<AuditMessage>11</AuditMessage>"])
    assert (verify(folder).problems, verify(folder).records) == ((), 11)


def test_lines_are_read_from_the_end(folder: Path) -> None:
    found = [parsed(line).message for line in newest_first(files_in(folder)[0])]
    assert found == MESSAGES[::-1]


@pytest.mark.slow
def test_many_processes_write_one_chain(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_write, args=(tmp_path, name)) for name in "abcd"]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    found = verify(tmp_path)
    assert (found.records, found.problems) == (100, ())
    lines = files_in(tmp_path)[0].read_text().splitlines()
    for name in "abcd":
        own = [line for line in (json.loads(each)["message"] for each in lines) if name in line]
        assert own == [f"{name}{number}" for number in range(25)]


def _write(folder: Path, name: str) -> None:
    chain = Chain(folder)
    for number in range(25):
        chain.append([f"{name}{number}"])


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    with pytest.raises(AuditError, match=r"audit cannot be written: .*; make room"):
        Chain(tmp_path / "audit").append(["<AuditMessage/>"])
