"""What one fine-tuning is about, written down before it starts, so that it can go on later."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from ai_engine.commands.finetune import Tuning
from ai_engine.library.names import require_name
from dicom_node.errors import NodeError
from dicom_node.finetuning.cases import FiledCase

PLAN_NAME = "plan.json"

Key = tuple[str, str]


class PlanError(NodeError):
    """A plan cannot be read, or no longer fits what is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One fine-tuning: from which version to which, how, and on which cases.

    Cases are named by record and image.
    """

    model: str
    champion: str
    champion_digest: str
    version: str
    tuning: Tuning
    training: tuple[Key, ...]
    validation: tuple[Key, ...]
    held_out: tuple[Key, ...]
    notes: tuple[str, ...]
    made_at: datetime
    made_by: str

    def __post_init__(self) -> None:
        """Refuse names that are no folders' (ValueError): the run's folder has them."""
        require_name(self.model, "model")
        require_name(self.version, "version")

    @property
    def digest(self) -> str:
        """SHA-256 of the plan, as the candidate's card names it."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return the plan as JSON, always the same text for the same plan."""
        table = asdict(self) | {"made_at": self.made_at.isoformat()}
        return json.dumps(table, indent=1, sort_keys=True) + "\n"

    def write(self, path: Path) -> None:
        """Write the plan; a crash leaves the former one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(self.to_json(), encoding="utf-8")
        temporary.replace(path)


def read_plan(path: Path) -> Plan | None:
    """Read a run's plan, or None where there is none.

    Raises
    ------
    PlanError
        If the file is damaged.
    """
    if not path.exists():
        return None
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        return Plan(
            **{
                **table,
                "tuning": Tuning(**table["tuning"]),
                "made_at": datetime.fromisoformat(table["made_at"]),
                "notes": tuple(table["notes"]),
                **{
                    name: tuple((record, image) for record, image in table[name])
                    for name in ("training", "validation", "held_out")
                },
            }
        )
    except (ValueError, TypeError, KeyError) as error:
        raise PlanError(
            f"{path}: not a plan of a fine-tuning ({error}); start anew with --fresh."
        ) from error


def planned(cases: Sequence[FiledCase], keys: Sequence[Key]) -> tuple[FiledCase, ...]:
    """Return the cases that a plan names, in its order.

    Raises
    ------
    PlanError
        If one is not to be had any more.
    """
    known = {each.key: each for each in cases}
    for record, image in keys:
        if (record, image) not in known:
            raise PlanError(
                f"image {image} of Warehouse record {record} was to be used and is gone: restore "
                "its file, or start anew with --fresh to go on without it."
            )
    return tuple(known[key] for key in keys)
