"""What every command starts from: the configuration folder, and what it leads to."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.console import Console

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.models.cards import ModelCards
from dicom_node.node.repositories import Repositories


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """The options given before the command, where to print, and what to close at the end."""

    config_dir: Path
    console: Console
    resources: ExitStack

    def settings(self) -> NodeSettings:
        """Read the settings."""
        return load_settings(self.config_dir)

    def model_cards(self) -> ModelCards:
        """Read which models there are."""
        return ModelCards(self.config_dir, self.settings().models_dir)

    def repositories(self) -> Repositories:
        """Open the databases and archives, the schema brought up to date where it is not."""
        repositories = Repositories(self.settings())
        self.resources.callback(repositories.close)
        if not repositories.schemas_are_current():
            repositories.migrate()
        return repositories


def invocation(context: typer.Context) -> Invocation:
    """Return what the options before the command say."""
    found = context.find_object(Invocation)
    if found is None:
        raise typer.Abort
    return found
