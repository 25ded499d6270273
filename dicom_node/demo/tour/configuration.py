"""What the tour adds to its node's configuration: a scanner, a PACS that is away, a bad model."""

from pathlib import Path

from ai_engine.library.registry import shipped_weights
from dicom_node.demo.errors import DemoError
from dicom_node.demo.tour.studies import BROKEN_MODEL, CTS

AWAY_TITLE = "TOUR_AWAY"
_MODEL = "chest-radiograph"
_VERSION = "1.0.0"
_AE_TITLES = """
[[ae]]
title = "{scanner}"
host = "127.0.0.1"
port = 104  # nothing is ever sent to it
roles = ["modality"]
destinations = ["{pacs}", "{away}"]
quiet_period = 0

[[ae]]
title = "{away}"
host = "127.0.0.1"
port = 9  # nobody answers there: the tour shows what a destination that is down looks like
roles = ["pacs"]
"""
_ROUTE = """

[[route]]
name = "tour-hand"
model = "{model}"
modalities = ["DX"]
body_parts = ["HAND"]
"""


def add_to_configuration(config_dir: Path, models_dir: Path, *, pacs: str) -> None:
    """Write AE titles, a route and a model that cannot be loaded, before the node starts."""
    _append(
        config_dir / "ae_titles.toml", _AE_TITLES.format(scanner=CTS, pacs=pacs, away=AWAY_TITLE)
    )
    _append(config_dir / "routes.toml", _ROUTE.format(model=BROKEN_MODEL))
    _append(config_dir / "models.toml", f'{BROKEN_MODEL} = "{_VERSION}"\n')
    _damaged_model(models_dir / BROKEN_MODEL / _VERSION)


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def _damaged_model(folder: Path) -> None:
    cards = sorted((shipped_weights() / _MODEL).glob("*/card.toml"))
    if not cards:
        raise DemoError(f"the model {_MODEL} is not installed: install the project again.")
    folder.mkdir(parents=True)
    card = cards[-1].read_text(encoding="utf-8")
    first_line, version_line, rest = card.split("\n", 2)
    if not first_line.startswith("name") or not version_line.startswith("version"):
        raise DemoError(f"{cards[-1]} does not begin with name and version.")
    (folder / "card.toml").write_text(
        f'name = "{BROKEN_MODEL}"\nversion = "{_VERSION}"\n{rest}', encoding="utf-8"
    )
    (folder / "weights.safetensors").write_bytes(b"damaged on purpose")
