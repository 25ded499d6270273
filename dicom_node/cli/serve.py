"""``dicom-node serve``."""

import signal
import threading
from types import FrameType

import typer

from dicom_node.cli.context import invocation
from dicom_node.telemetry import configure_logging


def serve(context: typer.Context) -> None:
    """Run the node until it is told to stop (Ctrl-C or SIGTERM).

    Running associations may end and their studies are finished first; whatever is still under way
    after that is taken up at the next start.
    """
    # The other commands start in a fraction of the time that loading the models' back end takes.
    from dicom_node.node.node import Node  # noqa: PLC0415

    run = invocation(context)
    settings = run.settings()
    configure_logging(settings.log_level, settings.log_format)
    told_to_stop = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        told_to_stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    node = Node(settings, run.config_dir)
    node.start()
    run.console.print(
        f"[bold]{settings.network.ae_title}[/] receives on port [bold]{node.port}[/]; "
        f"pages, health and metrics on {node.web_url}. Ctrl-C stops it."
    )
    told_to_stop.wait()
    run.console.print("Stopping: running associations and studies may end first.")
    node.stop()
