"""The command ``dicom-node``."""

import sys

from rich.console import Console

from dicom_node.cli.application import application
from dicom_node.errors import NodeError


def main() -> None:
    """Run the command line; a known error is told in one line and ends with status 1."""
    try:
        application(prog_name="dicom-node")
    except NodeError as error:
        Console(stderr=True).print(f"[bold red]Error:[/] {error}", highlight=False, soft_wrap=True)
        sys.exit(1)
