"""Counts in the lines of commands."""


def counted(count: int, one: str, many: str = "") -> str:
    """Write a count with the form of its noun, or clause, that it takes; by default with an s."""
    return f"{count} {one}" if count == 1 else f"{count} {many or one + 's'}"
