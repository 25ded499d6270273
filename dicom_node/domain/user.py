"""The people who use the node's pages, and what each may do."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dicom_node.errors import InvalidFieldsError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
# Of a component group of a person name (PS3.5 Sections 6.2 and 6.2.1.1).
_LONGEST_TITLE = 64
_MOST_CARETS = 4


class UserRole(StrEnum):
    """What a person is to the node; somebody may have several roles."""

    EXPERT = "expert"
    READER = "reader"
    OPERATOR = "operator"
    ADMIN = "admin"


class Permission(StrEnum):
    """One service of the node, and that it may be used."""

    REVIEW = "review"
    """Claim and decide results on the worklist."""
    IMAGES = "images"
    """See images and the headers of patients: DICOMweb."""
    UPLOAD = "upload"
    """Send images to be analysed: STOW-RS and the upload page."""
    DEVICES = "devices"
    """See calibration and drift."""
    STATUS = "status"
    """See studies, deliveries, AE titles, routes and models; none of it names a patient."""
    OPERATE = "operate"
    """Have studies analysed and results sent again; ask a peer by C-ECHO."""
    CONFIGURE = "configure"
    """Change AE titles and routes."""
    MODELS = "models"
    """Promote models and take them back; suspend them for devices."""
    PEOPLE = "people"
    """Change who may sign in, and see who changed what."""


_READING = frozenset({Permission.REVIEW, Permission.IMAGES, Permission.UPLOAD, Permission.DEVICES})
_OPERATING = frozenset(
    {Permission.STATUS, Permission.OPERATE, Permission.UPLOAD, Permission.DEVICES}
)
PERMISSIONS_OF_ROLE: dict[UserRole, frozenset[Permission]] = {
    UserRole.EXPERT: _READING,
    UserRole.READER: _READING,
    UserRole.OPERATOR: _OPERATING,
    # Who administers the node has no reason to see patients.
    UserRole.ADMIN: _OPERATING | {Permission.CONFIGURE, Permission.MODELS, Permission.PEOPLE},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is at an OpenID Provider: the one pair of claims that stays (Core 5.7)."""

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person who may sign in.

    ``title`` is the name that results carry, family name first with carets (PS3.5 Section 6.2.1);
    ``organization`` the organisation that a verdict is made for. ``epoch`` grows whenever what the
    person may do or the password changes: older sessions end. With ``reads_first`` the person wants
    to say what is to be seen before being shown what a model says. ``language`` is the tag of the
    one that the person has chosen for pages; empty: what the browser asks for.
    """

    name: str
    title: str
    organization: str
    roles: frozenset[UserRole]
    disabled: bool = False
    epoch: int = 0
    reads_first: bool = False
    language: str = ""

    def __post_init__(self) -> None:
        """Refuse names that cannot be used in a URL or a log line, and people without a role."""
        wrong = {}
        if not _NAME.fullmatch(self.name):
            wrong["name"] = (
                f"{self.name!r} is not a user name: 2 to 64 of a-z, 0-9, dot, hyphen, underscore."
            )
        if not self.roles:
            wrong["roles"] = f"give a role: {', '.join(UserRole)}."
        if wrong:
            raise InvalidFieldsError(f"user {self.name}", wrong)

    def check_title(self) -> None:
        """Refuse a title that verified reports cannot carry as a person name (PS3.5 6.2).

        Asked before somebody is added; who is known already can still be listed and disabled.

        Raises
        ------
        InvalidFieldsError
            The title is no component group: five components of printable characters at most,
            together at most 64 characters; or it is empty, for somebody who reviews.
        """
        for wrong, why in (
            (self.may_review and not self.title.strip(" ^"), "is empty: reports need a name"),
            ("\\" in self.title, "has a backslash, which separates values"),
            ("=" in self.title, "has an equals sign, which separates ways of writing a name"),
            (not self.title.isprintable(), "has characters that do not print"),
            (len(self.title) > _LONGEST_TITLE, f"is longer than {_LONGEST_TITLE} characters"),
            (self.title.count("^") > _MOST_CARETS, f"has more than {_MOST_CARETS} carets"),
        ):
            if wrong:
                words = (
                    f"the title {why}. Write the name as Family^Given, at most {_LONGEST_TITLE} "
                    "characters."
                )
                raise InvalidFieldsError(f"user {self.name}", {"title": words})

    @property
    def permissions(self) -> frozenset[Permission]:
        """The services that the person's roles allow."""
        return frozenset[Permission]().union(*(PERMISSIONS_OF_ROLE[role] for role in self.roles))

    def may(self, permission: Permission) -> bool:
        """Whether the person may use a service."""
        return permission in self.permissions

    @property
    def may_review(self) -> bool:
        """Whether the person may claim and decide items."""
        return self.may(Permission.REVIEW)

    @property
    def may_verify(self) -> bool:
        """Whether a verdict of this person verifies (PS3.3 C.17.2); else it only attests."""
        return UserRole.EXPERT in self.roles


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSession:
    """Somebody who is signed in, and since when."""

    user: User
    begun_at: datetime
