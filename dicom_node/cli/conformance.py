"""``dicom-node conformance``: the DICOM Conformance Statement."""

from pathlib import Path
from typing import Annotated

import typer

from dicom_node.cli.context import invocation
from dicom_node.node.conformance import conformance_statement
from dicom_node.node.integration_statement import integration_statement


def conformance(
    context: typer.Context,
    output: Annotated[
        Path | None, typer.Option("--output", help="A file to write, instead of the screen.")
    ] = None,
    ihe: Annotated[
        bool, typer.Option("--ihe", help="The IHE Integration Statement instead.")
    ] = False,
) -> None:
    """Write the DICOM Conformance Statement (PS3.2) of this node, in Markdown."""
    run = invocation(context)
    statement = integration_statement() if ihe else conformance_statement(run.settings())
    if output is None:
        typer.echo(statement, nl=False)
        return
    output.write_text(statement, encoding="utf-8")
    run.console.print(f"Written to {output}.", highlight=False)
