"""The people who use the node's pages, and what each may do."""

import re
from dataclasses import dataclass
from enum import StrEnum

from dicom_node.errors import ConfigurationError

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,63}")
# Of a component group of a person name (PS3.5 Sections 6.2 and 6.2.1.1).
_LONGEST_TITLE = 64
_MOST_CARETS = 4


class UserRole(StrEnum):
    """What a person may do; somebody may have several roles."""

    EXPERT = "expert"
    READER = "reader"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One person who may sign in.

    ``title`` is the name that results carry, family name first with carets (PS3.5 Section 6.2.1);
    ``organization`` the organisation that a verdict is made for. ``epoch`` grows whenever what the
    person may do or the password changes: older sessions end.
    """

    name: str
    title: str
    organization: str
    roles: frozenset[UserRole]
    disabled: bool = False
    epoch: int = 0

    def __post_init__(self) -> None:
        """Refuse names that cannot be used in a URL or a log line, and people without a role."""
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"{self.name!r} is not a user name: 2 to 64 of a-z, 0-9, dot, hyphen, underscore."
            )
        if not self.roles:
            raise ConfigurationError(f"user {self.name} needs a role: expert, reader or admin.")

    def check_title(self) -> None:
        """Refuse a title that verified reports cannot carry as a person name (PS3.5 6.2).

        Asked before somebody is added; who is known already can still be listed and disabled.

        Raises
        ------
        ConfigurationError
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
                raise ConfigurationError(
                    f"the title of user {self.name} {why}. Write the name as Family^Given, at "
                    f"most {_LONGEST_TITLE} characters."
                )

    @property
    def may_review(self) -> bool:
        """Whether the person may claim and decide items."""
        return bool(self.roles & {UserRole.EXPERT, UserRole.READER})

    @property
    def may_verify(self) -> bool:
        """Whether a verdict of this person verifies (PS3.3 C.17.2); else it only attests."""
        return UserRole.EXPERT in self.roles

    @property
    def may_administer(self) -> bool:
        """Whether the person may change calibration, models and users."""
        return UserRole.ADMIN in self.roles
