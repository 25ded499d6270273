"""Administered AE titles."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.domain.application_entity import Operation, Proof, Role, checked_ae_title
from dicom_node.errors import ConfigurationError
from tests.unit.builders import an_entity


@pytest.mark.slow
@given(
    st.text(
        st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="\\"),
        min_size=1,
        max_size=16,
    )
)
def test_printable_titles_of_up_to_sixteen_characters_are_kept(title: str) -> None:
    assert checked_ae_title(f" {title} ") == title


@pytest.mark.parametrize("title", ["", "    ", "X" * 17, "A\\B", "TAB\tTAB", "ÄÖÜ", "LINE\n"])
def test_other_titles_are_refused(title: str) -> None:
    with pytest.raises(ConfigurationError, match="is not an AE title"):
        checked_ae_title(title)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port": 0}, "port 0 is not in 1 to 65535"),
        ({"port": 70000}, "port 70000 is not in 1 to 65535"),
        ({"host": ""}, "give a host name"),
        ({"roles": frozenset()}, "at least one role"),
        ({"quiet_period": -1}, "quiet period"),
        ({"destinations": ("A\\B",)}, "is not an AE title"),
    ],
)
def test_an_entry_that_cannot_work_is_refused_with_the_reason(
    change: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        an_entity(**change)


def test_roles_decide_what_is_permitted() -> None:
    assert Operation.STORE in an_entity(roles=frozenset({Role.MODALITY})).permitted
    query = an_entity(roles=frozenset({Role.QUERY}))
    assert query.permitted == {Operation.ECHO, Operation.FIND, Operation.MOVE}


def test_who_commits_may_open_associations_for_it_and_is_no_web_server() -> None:
    with pytest.raises(ConfigurationError, match="give it the role pacs"):
        an_entity(roles=frozenset({Role.QUERY}), proof=Proof.COMMITMENT)
    with pytest.raises(ConfigurationError, match="does not commit"):
        an_entity(url="https://pacs.example/dicom-web", proof=Proof.COMMITMENT)
    an_entity(roles=frozenset({Role.QUERY}), proof=Proof.FIND)
