"""What every section of the settings is (`settings`)."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Part of the settings: unknown names are errors, and each field says what it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
