"""What every command starts from: the configuration folder, and what it leads to.

Each thing is imported when it is asked for: a command that lists AE titles waits for no archive
and no model.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from dicom_node.audit.message import AuditMessage
    from dicom_node.configuration.settings import NodeSettings
    from dicom_node.models.cards import ModelCards
    from dicom_node.node.administration import Administration
    from dicom_node.node.repositories import Repositories
    from dicom_node.persistence.audit import AuditStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The options given before the command, where to print, and what to close at the end."""

    config_dir: Path
    console: Console
    resources: ExitStack

    def settings(self) -> "NodeSettings":
        """Read the settings, and see that the disk is there that they want."""
        from dicom_node.configuration.mounts import require_mounted  # noqa: PLC0415 - see above
        from dicom_node.configuration.settings import load_settings  # noqa: PLC0415 - see above

        settings = load_settings(self.config_dir)
        require_mounted(settings)
        return settings

    def model_cards(self) -> "ModelCards":
        """Read which models there are."""
        from dicom_node.models.cards import ModelCards  # noqa: PLC0415 - see above

        return ModelCards(self.config_dir, self.settings().models_dir)

    def administration(self) -> "Administration":
        """Open the tables of AE titles and people, the schema brought up to date."""
        from dicom_node.node.administration import Administration  # noqa: PLC0415 - see above

        administration = Administration(self.settings())
        self.resources.callback(administration.close)
        administration.bring_up_to_date()
        self.resources.callback(self._take_changes, administration.changes)
        return administration

    def repositories(self, *, rows_alone: bool = False) -> "Repositories":
        """Open the databases and archives, the schema brought up to date where it is not.

        A command that reads ``rows_alone`` meets no DICOM object, and does not wait for what
        reads them.
        """
        from dicom_node.node.repositories import Repositories  # noqa: PLC0415 - see above

        if not rows_alone:
            set_up_dicom(calls_peers=False)
        repositories = Repositories(self.settings())
        self.resources.callback(repositories.close)
        if not repositories.schemas_are_current():
            repositories.migrate()
        self.resources.callback(self._take_changes, repositories.audit)
        return repositories

    def record(self, message: "AuditMessage") -> None:
        """Write an audit record of what this command has done.

        Raises
        ------
        AuditError
            The trail cannot be written.
        """
        from dicom_node.node.auditing import Acts  # noqa: PLC0415 - see above

        Acts(self.settings()).record(message)

    def _take_changes(self, changes: "AuditStore") -> None:
        """Bring what this command has changed into the audit trail; else the node does."""
        from dicom_node.audit.errors import AuditError  # noqa: PLC0415 - see above
        from dicom_node.node.auditing import take_changes  # noqa: PLC0415 - the same

        try:
            take_changes(self.settings(), changes)
        except AuditError as error:
            self.console.print(f"[yellow]Not recorded yet:[/] {error}", soft_wrap=True)


def invocation(context: typer.Context) -> Invocation:
    """Return what the options before the command say."""
    found = context.find_object(Invocation)
    if found is None:
        raise typer.Abort
    return found


def set_up_dicom(*, calls_peers: bool = True) -> None:
    """Set up the DICOM libraries for this process (`dicom_node.network.libraries`)."""
    from dicom_node.network.libraries import set_up_dicom_libraries  # noqa: PLC0415 - see above

    set_up_dicom_libraries(calls_peers=calls_peers)
