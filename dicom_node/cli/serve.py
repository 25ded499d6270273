"""``dicom-node serve``."""

import gc
import signal
import threading
from types import FrameType
from typing import Annotated

import typer

from dicom_node.cli.context import invocation
from dicom_node.domain.host import Role
from dicom_node.isolation.memory import share_arenas
from dicom_node.isolation.parent import start_parent
from dicom_node.telemetry import configure_logging

PROCESSES_NEED = (
    "dicom_node.network.receiver",
    "dicom_node.archive.storage",
    "dicom_node.node.access",
    "dicom_node.node.answering",
)
"""What receivers and workers import; tests compare it with what they name."""
WORKERS_NEED = ("dicom_node.node.analyst_tools", "scipy.sparse")
"""What workers import as well: later, so that callers are answered first."""


def serve(
    context: typer.Context,
    role: Annotated[
        Role | None,
        typer.Option(
            help="What this host does of the work, where several share one PostgreSQL: receive, "
            "analyse and deliver, show pages, or all.",
            show_default="all",
        ),
    ] = None,
) -> None:
    """Run the node until it is told to stop (Ctrl-C or SIGTERM).

    Running associations may end and their studies are finished first; whatever is still under way
    after that is taken up at the next start.
    """
    # Nothing that is imported is ever freed: looking for what may be costs a fifth of the start.
    gc.disable()
    share_arenas()
    # Started before anything else is imported: what processes need is imported beside the node.
    start_parent(PROCESSES_NEED, later=WORKERS_NEED)
    run = invocation(context)
    settings = run.settings()
    if role is not None:
        shared = settings.hosts.model_copy(update={"role": role.value})
        settings = settings.model_copy(update={"hosts": shared})
    configure_logging(settings.log_level, settings.log_format)
    told_to_stop = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        told_to_stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    # Callers are answered while everything else is imported, which takes longer than all else.
    from dicom_node.node.listening import Listening  # noqa: PLC0415

    listening = Listening(settings, run.config_dir)
    listening.start()
    from dicom_node.node.node import Node  # noqa: PLC0415

    if told_to_stop.is_set():
        listening.stop()
        listening.leave()
        return
    node = Node(settings, run.config_dir, listening)
    node.start()
    gc.freeze()
    gc.enable()
    receives = f"receives on port [bold]{node.port}[/]" if node.port else f"is a {node.role}"
    run.console.print(
        f"[bold]{settings.network.ae_title}[/] {receives}; "
        f"{'pages, ' if node.role.shows else ''}health and metrics on {node.web_url}. "
        "Ctrl-C stops it."
    )
    told_to_stop.wait()
    run.console.print("Stopping: running associations and studies may end first.")
    node.stop()
