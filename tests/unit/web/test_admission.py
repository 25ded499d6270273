"""Whoever comes from an OpenID Provider is followed in what they may do, and never let back in."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dicom_node.administration.openid import Admission, ClaimRules, NotAdmittedError
from dicom_node.domain.user import User, UserRole
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.users import UserStore
from tests.peers.reading_room import settings_in
from tests.schema import give_schema

RULES = ClaimRules(
    name_claim="name",
    roles_claim="groups",
    roles={UserRole.EXPERT: ["radiologists"], UserRole.OPERATOR: ["informatics"]},
)
ADA: dict[str, Any] = {"iss": "https://id.example", "sub": "7", "name": "ada"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def users(tmp_path: Path) -> Iterator[UserStore]:
    made = Repositories(settings_in(tmp_path))
    give_schema(made.engine)
    yield made.users
    made.close()


def admission(users: UserStore) -> Admission:
    return Admission(users, RULES, clock=lambda: NOW)


def test_sessions_end_of_whoever_has_no_role_at_the_provider_any_more(users: UserStore) -> None:
    begun = admission(users).admit({**ADA, "groups": "radiologists"})
    with pytest.raises(NotAdmittedError, match="no role"):
        admission(users).admit({**ADA, "groups": []})
    assert users.get("ada").epoch > begun.epoch


def test_whoever_is_kept_out_while_signing_in_stays_out(users: UserStore) -> None:
    class Disabling(UserStore):
        """People of whom one is kept out right after being looked up."""

        def find(self, name: str) -> User | None:
            found = users.find(name)
            if found and not found.disabled:
                users.change(replace(found, disabled=True), actor="admin", at=NOW)
            return found

    admission(users).admit({**ADA, "groups": "radiologists"})
    book = Disabling(users._engine)
    with pytest.raises(NotAdmittedError, match="kept out"):
        admission(book).admit({**ADA, "groups": "informatics"})
    assert users.get("ada").disabled
