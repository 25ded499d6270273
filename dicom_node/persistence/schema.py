"""The Hotbase's whole schema: every module that has tables of it."""

from dicom_node.persistence import (
    calibration_tables,
    review_tables,
    shadow_tables,
    step_tables,
    tables,
)

# Importing a module puts its tables into the one collection that migrations are compared with.
MODULES = (tables, calibration_tables, review_tables, shadow_tables, step_tables)
HOTBASE = tables.METADATA
