"""How a training is shown while it runs."""

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class EpochProgress:
    """A progress bar over the epochs with a line for each, or nothing without a console."""

    def __init__(self, name: str, epochs: int, console: Console | None) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("step {task.fields[step]}"),
            console=console,
            disable=console is None,
        )
        self._task = self._bar.add_task(name, total=epochs, step=0)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        """Take a step's or an epoch's event."""
        if "step" in event:
            self._bar.update(self._task, step=event["step"])
            return
        self._bar.advance(self._task)
        if self._console is not None:
            words = [f"{key} {value:.3g}" for key, value in event["epoch_done"].items()]
            self._console.print(", ".join(words))
