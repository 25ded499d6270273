"""Who signs in on the tour, with passwords made at random."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from dicom_node.configuration.passwords import hashed
from dicom_node.demo.node_process import NodeProcess
from dicom_node.domain.user import User, UserRole
from dicom_node.persistence.database import make_engine
from dicom_node.persistence.users import UserStore

_PASSWORD_BYTES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """A name and a password that the tour prints; they open nothing but its own node."""

    name: str
    password: str
    what_for: str


_PEOPLE = {
    "expert": ({UserRole.EXPERT}, "reads the worklist"),
    "admin": ({UserRole.ADMIN}, "looks after the node"),
    "operator": (
        {UserRole.OPERATOR, UserRole.READER},
        "operates it, and says whose undecided studies are",
    ),
}


def add_people(node: NodeProcess, at: datetime) -> tuple[SignIn, ...]:
    """Let an expert, an administrator and an operator sign in to a node that runs."""
    engine = make_engine(node.database_url)
    try:
        users = UserStore(engine)
        return tuple(_add(users, name, at) for name in _PEOPLE)
    finally:
        engine.dispose()


def _add(users: UserStore, name: str, at: datetime) -> SignIn:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    roles, what_for = _PEOPLE[name]
    title = f"{name.title()}^Tour"
    user = User(name=name, title=title, organization="Tour", roles=frozenset(roles))
    users.add(user, hashed(password), actor="tour", at=at)
    return SignIn(name=name, password=password, what_for=what_for)
