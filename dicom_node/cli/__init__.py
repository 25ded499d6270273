"""The command ``dicom-node``.

Importing this module loads next to nothing: each receiver process imports it too, because
`multiprocessing` imports the main module again in every process that it spawns.
"""

import gc
import sys


def main() -> None:
    """Run the command line; a known error is told in one line and ends with status 1.

    So is a file that cannot be read or written, and a part that is not installed.
    """
    # While modules are imported nothing becomes garbage: looking for some is a sixth of the time.
    # `application` looks again when the command is there.
    gc.disable()
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.markup import escape  # noqa: PLC0415 - the same

    from dicom_node.cli.application import application  # noqa: PLC0415 - the same
    from dicom_node.cli.parts import missing_part  # noqa: PLC0415 - the same
    from dicom_node.errors import NodeError  # noqa: PLC0415 - the same

    try:
        application(prog_name="dicom-node")
    except (NodeError, OSError, ModuleNotFoundError) as error:
        words = missing_part(error) if isinstance(error, ModuleNotFoundError) else _words(error)
        if words is None:
            raise  # nothing that somebody could put right by its name
        Console(stderr=True).print(
            f"[bold red]Error:[/] {escape(words)}", highlight=False, soft_wrap=True
        )
        sys.exit(1)


def _words(error: Exception) -> str | None:
    """A file or folder that can't be used is named with the reason."""
    if isinstance(error, OSError) and error.filename is None:
        return None
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}; check the path, its permissions and the disk."
    return str(error)
