"""Reads the data files of the configuration folder: routes and first AE titles."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.route import Route
from dicom_node.errors import ConfigurationError

T = TypeVar("T")


def load_routes(config_dir: Path) -> tuple[Route, ...]:
    """Read ``routes.toml``.

    Raises
    ------
    ConfigurationError
        When the file is missing or an entry cannot be used; the message names file and entry.
    """
    path = config_dir / "routes.toml"
    routes = _entries(path, "route", TypeAdapter(Route))
    names = [route.name for route in routes]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(f"{path}: two routes are named {name!r}; name each once.")
    return routes


def load_ae_titles(config_dir: Path) -> tuple[ApplicationEntity, ...]:
    """Read ``ae_titles.toml``; without the file there are none.

    Raises
    ------
    ConfigurationError
        When an entry cannot be used; the message names file and entry.
    """
    path = config_dir / "ae_titles.toml"
    if not path.exists():
        return ()
    return _entries(path, "ae", TypeAdapter(ApplicationEntity))


def _entries(path: Path, key: str, adapter: TypeAdapter[T]) -> tuple[T, ...]:
    entries = _read(path).get(key, [])
    return tuple(
        _entry(path, f"{key} {number}", entry, adapter)
        for number, entry in enumerate(entries, start=1)
    )


def _entry(path: Path, place: str, entry: Mapping[str, Any], adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_python(entry, extra="forbid")
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}"
            for each in error.errors()
        )
        raise ConfigurationError(f"{path}, entry {place}: {problems}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}, entry {place}: {error}") from error


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{path} does not exist: name the folder that holds it with --config, or have it "
            "written by `dicom-node init`."
        ) from error
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or nested without end
        raise ConfigurationError(f"{path}: {error}") from error
