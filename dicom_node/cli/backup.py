"""``dicom-node backup`` and ``dicom-node restore``."""

import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from dicom_node.audit.events import act
from dicom_node.backup.backup import Backup, Outcome
from dicom_node.backup.backup import restore as restore_backup
from dicom_node.backup.errors import BackupError
from dicom_node.backup.manifest import Manifest, read_manifest
from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.counting import counted
from dicom_node.node.clock import utc_now


def backup(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="A new or empty folder, or one with an earlier backup.")
    ],
    mirror: Annotated[
        bool,
        typer.Option(help="Also remove from the backup what the node holds no more."),
    ] = False,
) -> None:
    """Copy databases, archive, models and configuration while the node runs.

    The same folder may be used each time: only what is new is copied. Certificates, keys and
    tokens that the settings name by a path outside the data and configuration folders are not.
    """
    run = invocation(context)
    repositories = run.repositories()
    job = Backup(
        settings=run.settings(), config_dir=run.config_dir, stored=repositories.stored_paths
    )
    with _bar(run) as bar:
        task = bar.add_task("Backup", total=sum(1 for _ in job.files()))
        outcome = job.make(folder, at=utc_now(), mirror=mirror, advance=lambda: bar.advance(task))
    run.record(act("backup", user=getpass.getuser(), at=utc_now(), subject=str(folder.resolve())))
    _report(run, folder, outcome)


def restore(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A folder that backup has written.")],
    check: Annotated[
        bool, typer.Option("--check", help="Only read the backup and say whether it is whole.")
    ] = False,
) -> None:
    """Put a backup back into an empty data folder and empty databases, as the settings name them.

    Files of the configuration folder that are there already are left as they are.
    """
    run = invocation(context)
    if check:
        _say(run, "The backup is whole", read_manifest(folder))
        return
    with _bar(run) as bar:
        task = bar.add_task("Restore", total=read_manifest(folder).files)
        manifest = restore_backup(
            folder, run.settings(), run.config_dir, advance=lambda: bar.advance(task)
        )
    run.record(act("restore", user=getpass.getuser(), at=utc_now(), subject=str(folder.resolve())))
    _say(run, "Restored", manifest)
    run.console.print(
        "dicom-node doctor says whether all is well; serve takes up what was under way."
    )


def _report(run: Invocation, folder: Path, outcome: Outcome) -> None:
    _say(run, f"Backup in {folder}", outcome.manifest)
    run.console.print(
        f"Copied {counted(outcome.copied, 'file')}, removed {outcome.removed}.",
        highlight=False,
    )
    if outcome.missing:
        first = ", ".join(str(each) for each in outcome.missing[:3])
        raise BackupError(
            f"{counted(len(outcome.missing), 'file is', 'files are')} named by the databases and "
            f"not in the archive: {first}. What there is has been backed up."
        )


def _say(run: Invocation, what: str, manifest: Manifest) -> None:
    run.console.print(
        f"{what}: {manifest.ae_title}, {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, "
        f"{counted(manifest.files, 'file')} of {manifest.bytes / 1e9:.2f} GB, "
        f"{counted(len(manifest.databases), 'database')}.",
        highlight=False,
        soft_wrap=True,
    )


def _bar(run: Invocation) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=run.console,
        transient=True,
    )
