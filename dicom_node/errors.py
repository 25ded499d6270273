"""The errors of the node, in one tree.

    NodeError
    ├── ConfigurationError     a setting, route or AE title that cannot be used as written
    │   └── InvalidFieldsError  the same, said of each field of an entry
    ├── AwayError              what is needed is away and comes back: no study's fault, waited for
    ├── NotFoundError          something named does not exist
    ├── ConflictError          the state of the thing named does not allow this
    │   └── StaleEntryError     somebody else has changed the entry since it was read
    └── (packages add their own below NodeError, next to the code that raises them)

A message names what failed, on which object, and what to do next. It never holds patient data.
"""

from collections.abc import Mapping


class NodeError(Exception):
    """Base of every error that the node raises on purpose."""


class ConfigurationError(NodeError):
    """A setting, route or AE title cannot be used as written."""


class InvalidFieldsError(ConfigurationError):
    """Fields of an entry cannot be used as written: ``fields`` says of each why."""

    def __init__(self, subject: str, fields: Mapping[str, str]) -> None:
        super().__init__(f"{subject}: {' '.join(fields.values())}")
        self.fields = dict(fields)


class AwayError(NodeError):
    """What is needed is away and comes back; the words are free of patient data."""


class NotFoundError(NodeError):
    """What was named does not exist."""


class ConflictError(NodeError):
    """The state of what was named does not allow this."""


class StaleEntryError(ConflictError):
    """Somebody else has changed the entry since it was read."""
