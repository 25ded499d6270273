"""Grids of numbers as fields of a value, with the way in which they are written down."""

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Grid: TypeAlias = npt.NDArray[np.float32]
else:
    # Whoever lists what is known of predictions waits for no numbers; the schema below is the same.
    Grid = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenGrid:
    """A grid in JSON: ``data`` is its float32 values, little-endian, row by row, in Base64."""

    rows: int
    columns: int
    data: str


class SchemaMaker(Protocol):
    """What makes the schemas of types, as pydantic hands it on."""

    def generate_schema(self, source_type: Any, /) -> Any:
        """Return the schema of a type."""


class GridFormat:
    """How a grid is read and written by schema.

    pydantic asks an annotation for it. Its schemas are dictionaries; this one is spelled out, since
    predictions must not depend on whoever writes them down.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: SchemaMaker) -> dict[str, Any]:
        """Return the schema of `WrittenGrid`, with the array that it stands for."""
        del source
        return {
            "type": "function-after",
            "schema": handler.generate_schema(WrittenGrid),
            "function": {"type": "no-info", "function": _read},
            "serialization": {"type": "function-plain", "function": _written},
        }


FloatGrid = Annotated[Grid, GridFormat()]
"""An array of shape (rows, columns), float32."""


def _written(grid: Grid) -> WrittenGrid:
    rows, columns = grid.shape
    data = base64.b64encode(grid.astype("<f4", copy=False).tobytes()).decode("ascii")
    return WrittenGrid(rows=rows, columns=columns, data=data)


def _read(written: WrittenGrid) -> Grid:
    import numpy as np  # noqa: PLC0415 - see above

    values = np.frombuffer(base64.b64decode(written.data, validate=True), "<f4")
    return values.reshape(written.rows, written.columns).astype(np.float32)
