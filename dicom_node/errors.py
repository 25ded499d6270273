"""The errors of the node, in one tree.

    NodeError
    ├── ConfigurationError     a setting, route or AE title that cannot be used as written
    ├── NotFoundError          something named does not exist
    ├── ConflictError          the state of the thing named does not allow this
    └── (packages add their own below NodeError, next to the code that raises them)

A message names what failed, on which object, and what to do next. It never holds patient data.
"""


class NodeError(Exception):
    """Base of every error that the node raises on purpose."""


class ConfigurationError(NodeError):
    """A setting, route or AE title cannot be used as written."""


class NotFoundError(NodeError):
    """What was named does not exist."""


class ConflictError(NodeError):
    """The state of what was named does not allow this."""
