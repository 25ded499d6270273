"""Everything that can be administered, in one value: what pages, API and commands are given."""

from dataclasses import dataclass

from dicom_node.administration.ae_titles import AeTitles
from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.overview import Operations
from dicom_node.administration.studies import Studies


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """One part for each thing that is administered."""

    operations: Operations
    studies: Studies
    deliveries: Deliveries
    ae_titles: AeTitles
