"""Who signs in on the tour: an expert and an administrator, with passwords made at random."""

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


_ROLES = {
    UserRole.EXPERT: "reads the worklist",
    UserRole.ADMIN: "looks after the node",
}


def add_people(node: NodeProcess, at: datetime) -> tuple[SignIn, ...]:
    """Let an expert and an administrator sign in to a node that runs."""
    engine = make_engine(node.database_url)
    try:
        users = UserStore(engine)
        return tuple(_add(users, role, at) for role in _ROLES)
    finally:
        engine.dispose()


def _add(users: UserStore, role: UserRole, at: datetime) -> SignIn:
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    title = f"{role.value.title()}^Tour"
    user = User(name=role.value, title=title, organization="Tour", roles=frozenset({role}))
    users.add(user, hashed(password), actor="tour", at=at)
    return SignIn(name=user.name, password=password, what_for=_ROLES[role])
