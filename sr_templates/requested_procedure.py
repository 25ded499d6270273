"""An order, as results refer to it (PS3.3 Section C.17.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedProcedure:
    """An order as a worklist has it; empty where it says nothing."""

    accession_number: str
    requested_procedure_id: str = ""
    requested_procedure_description: str = ""
    placer_order_number: str = ""
    filler_order_number: str = ""
