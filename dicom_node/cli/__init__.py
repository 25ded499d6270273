"""The command ``dicom-node``.

Importing this module loads next to nothing: each receiver process imports it too, because
`multiprocessing` imports the main module again in every process that it spawns.
"""

import sys


def main() -> None:
    """Run the command line; a known error is told in one line and ends with status 1."""
    from rich.console import Console  # noqa: PLC0415 - see above

    from dicom_node.cli.application import application  # noqa: PLC0415 - the same
    from dicom_node.errors import NodeError  # noqa: PLC0415 - the same

    try:
        application(prog_name="dicom-node")
    except NodeError as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
