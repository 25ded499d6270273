"""Files that come with the node beside its code: the configuration to begin with."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

from dicom_node.errors import ConfigurationError

_SOURCES = Path(__file__).parents[2]
_FILES = ("node.toml", "routes.toml", "models.toml", "ae_titles.toml")


def supplied_configuration() -> Path:
    """Return the folder of the configuration to begin with.

    In the project's own folder it is ``config``; installed, pip has put it into the environment's
    ``share`` (the scheme's ``data``, or its user's).

    Raises
    ------
    ConfigurationError
        When the package was taken apart and its files lie elsewhere.
    """
    places = [_SOURCES / "config", *_shared()]
    for place in places:
        if all((place / name).is_file() for name in _FILES):
            return place
    looked = ", ".join(map(str, places))
    raise ConfigurationError(
        f"the configuration to begin with is in none of {looked}: install the package again by pip"
    )


def configuration_at_hand(folder: Path = Path("config")) -> Path:
    """Return ``folder``, or what comes with the node where it holds no configuration."""
    return folder if (folder / "models.toml").is_file() else supplied_configuration()


def lay_configuration(folder: Path) -> dict[str, bool]:
    """Write each file that ``folder`` lacks; say of each name whether it was written.

    What is there stays as it is, whatever it says.
    """
    source = supplied_configuration()
    folder.mkdir(parents=True, exist_ok=True)
    return {name: _laid(source / name, folder / name) for name in _FILES}


def _laid(source: Path, target: Path) -> bool:
    if target.exists():
        return False
    target.write_bytes(source.read_bytes())
    return True


def _shared() -> Iterator[Path]:
    for scheme in (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")):
        yield Path(sysconfig.get_path("data", scheme)) / "share" / "dicom-node" / "config"
    # `pip install --target` puts it beside the packages.
    yield _SOURCES / "share" / "dicom-node" / "config"
