"""The Hotbase's whole schema: every module that has tables of it."""

from dicom_node.persistence import access_tables, host_tables
from dicom_node.persistence.corridor import (
    announcement_tables,
    attribute_tables,
    commitment_tables,
    message_tables,
    order_tables,
    prior_tables,
    tables,
    wanted_tables,
)
from dicom_node.persistence.devices import calibration_tables, shadow_tables
from dicom_node.persistence.review import tables as review_tables
from dicom_node.persistence.ups import subscription_tables, taken_tables
from dicom_node.persistence.ups import tables as step_tables

# Importing a module puts its tables into the one collection that migrations are compared with.
MODULES = (
    tables,
    announcement_tables,
    attribute_tables,
    commitment_tables,
    message_tables,
    order_tables,
    wanted_tables,
    prior_tables,
    calibration_tables,
    review_tables,
    shadow_tables,
    step_tables,
    subscription_tables,
    taken_tables,
    access_tables,
    host_tables,
)
HOTBASE = tables.METADATA
