"""The demonstration: a modality, a real node and a PACS, on this machine, for one study or more."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from dicom_node.demo import results, showing
from dicom_node.demo.errors import DemoError
from dicom_node.demo.node_process import AE_TITLE, NodeProcess, free_port
from dicom_node.demo.outcomes import Outcomes, StudyOutcome
from dicom_node.demo.pacs import DemoPacs
from dicom_node.demo.report_reading import read_report
from dicom_node.demo.study_files import by_study, files_below
from dicom_node.demo.synthetic import SAMPLE, StudyUids, make_radiograph
from dicom_node.domain.study import StudyState
from dicom_node.network.associations import Destination
from dicom_node.network.storage_scu import store

MODALITY_TITLE = "DEMO_CR"
PACS_TITLE = "DEMO_PACS"

Studies = Mapping[str, tuple[Path, ...]]
"""The files of each study, by Study Instance UID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What to demonstrate: files of the user's, or the synthetic study where ``study`` is None."""

    study: Path | None
    results: Path
    config_dir: Path


def run(options: DemoOptions, console: Console) -> bool:
    """Take studies through the whole corridor; return whether each ended in a result or a reason.

    Raises
    ------
    NodeError
        When something needed does not start or nothing comes back; the message says why.
    """
    given = files_below(options.study) if options.study else ()
    results.clear(options.results)
    with ExitStack() as stack:
        with _step(console, "A modality, a node and a PACS are ready on this machine"):
            node, pacs = _make(options)
            stack.enter_context(node)
            files = given or (_draw_sample(options),)  # while the node starts
            stack.enter_context(pacs)
            node.wait_until_ready()
        studies = _send(files, node, console)
        watched = stack.enter_context(closing(Outcomes(node, pacs)))
        passed = _follow(watched, studies, options, console)
        _conclude(options, console)
        with console.status("Stopping the node and the PACS …"):
            stack.close()
    results.clear_work(options.results)
    return passed


def _make(options: DemoOptions) -> tuple[NodeProcess, DemoPacs]:
    """Make a node and a PACS that know each other, and nobody else but the modality."""
    work = options.results / results.WORK
    address = Destination(ae_title=PACS_TITLE, host="127.0.0.1", port=free_port())
    node = NodeProcess(work, config_dir=options.config_dir, modality=MODALITY_TITLE, pacs=address)
    return node, DemoPacs(work / "pacs", address=address, sender=AE_TITLE)


def _draw_sample(options: DemoOptions) -> Path:
    folder = options.results / results.WORK / "sent"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "synthetic-chest.dcm"
    made = make_radiograph(StudyUids.fresh(), datetime.now(UTC), SAMPLE)
    made.dataset.save_as(path, enforce_file_format=True)
    return path


def _send(files: tuple[Path, ...], node: NodeProcess, console: Console) -> Studies:
    """C-STORE the files to the node; return the studies that it took."""
    sent = showing.counted(len(files), "object")
    with _step(console, f"{sent} sent by C-STORE from {MODALITY_TITLE} to {AE_TITLE}"):
        outcomes = store(files, node.address, calling_ae=MODALITY_TITLE)
    failed = [outcome for outcome in outcomes if not outcome.stored]
    if failed:
        showing.show_not_stored(console, failed)
    studies = by_study(tuple(outcome.path for outcome in outcomes if outcome.stored))
    if not studies:
        raise DemoError("nothing was stored, so there is nothing to show: name other DICOM files.")
    return studies


def _follow(watched: Outcomes, studies: Studies, options: DemoOptions, console: Console) -> bool:
    """Show each study's outcome as it comes; return whether there is a result or reason for all."""
    names = {study: _name(number, studies) for number, study in enumerate(studies, start=1)}
    started = time.monotonic()
    passed = True
    with console.status(f"Analysing, and waiting for {PACS_TITLE} to receive the results …"):
        for outcome in watched.wait(studies):
            study = outcome.study_instance_uid
            showing.show_study(console, _title(names[study], studies[study]))
            passed &= _show(options, names[study], outcome, console)
    console.print()
    went = f"{PACS_TITLE} holds what came of all that was sent"
    showing.show_step(console, went, time.monotonic() - started)
    return passed


def _name(number: int, studies: Studies) -> str:
    """Name a study for its result files: never by what its header says about a patient."""
    if len(studies) > 1:
        return f"study-{number}"
    ((first, *_),) = studies.values()
    return first.stem


def _title(name: str, files: tuple[Path, ...]) -> str:
    more = f" and {showing.counted(len(files) - 1, 'more file')}" if len(files) > 1 else ""
    return f"{name} ({files[0].name}{more})"


def _show(options: DemoOptions, name: str, outcome: StudyOutcome, console: Console) -> bool:
    """Show one study's results; return whether there is a result or a reason."""
    kept = results.keep(options.results, name, outcome)
    for path in kept.reports:
        showing.show_report(console, read_report(path))
    if outcome.reason or not kept.reports:
        showing.show_reason(console, outcome)
    showing.show_files(console, kept)
    is_explained = outcome.state is not StudyState.ANALYSED and bool(outcome.reason)
    return bool(kept.reports) or is_explained


def _conclude(options: DemoOptions, console: Console) -> None:
    if options.study is None:
        console.print(
            "\nThe sample is [bold]synthetic[/]: a computer drew it, no patient's image is behind "
            "it, so its findings mean nothing. Try your own: [bold]make demo STUDY=path[/]"
        )
    console.print(
        "The weights are for [bold]demonstration[/], trained on a few hundred public images: "
        "[bold red]not for clinical use[/]."
    )


@contextmanager
def _step(console: Console, text: str) -> Iterator[None]:
    started = time.monotonic()
    with console.status(f"{text} …"):
        yield
    showing.show_step(console, text, time.monotonic() - started)
