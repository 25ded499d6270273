"""What destinations have shown of the deliveries that they took."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.delivery import Delivery, DeliveryState, Proven
from dicom_node.persistence.corridor.commitment_tables import COMMITMENTS
from dicom_node.persistence.corridor.commitments import CommitmentState
from dicom_node.persistence.corridor.deliveries import delivery_of
from dicom_node.persistence.corridor.tables import DELIVERIES

_ROW = DELIVERIES.c


class ProofStore:
    """Deliveries that their destinations have taken, until it is shown that they keep them."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def sent(self, destination: str, limit: int) -> tuple[Delivery, ...]:
        """Return what a destination has taken and not proven, and is not being asked about."""
        asked = sa.exists().where(
            COMMITMENTS.c.delivery_id == _ROW.delivery_id,
            COMMITMENTS.c.state.in_((CommitmentState.ASKED, CommitmentState.ANSWERED)),
        )
        query = (
            sa.select(DELIVERIES)
            .where(_ROW.state == DeliveryState.SENT, _ROW.destination == destination, ~asked)
            .order_by(_ROW.created_at, _ROW.delivery_id)
            .limit(limit)
        )
        with self._read() as connection:
            return tuple(map(delivery_of, connection.execute(query).mappings()))

    def has_sent(self, destination: str) -> bool:
        """Whether a destination has taken something that it has not proven."""
        query = sa.select(_ROW.delivery_id).where(
            _ROW.state == DeliveryState.SENT, _ROW.destination == destination
        )
        with self._read() as connection:
            return connection.scalar(query.limit(1)) is not None

    def prove(
        self,
        delivery: Delivery,
        state: DeliveryState,
        proven: Proven,
        *,
        stored: Sequence[str] | None = None,
        error: str = "",
        not_before: datetime | None = None,
    ) -> bool:
        """Record what a destination has shown of a delivery; ``False`` where that is no news.

        Nothing is recorded of a delivery that is no longer as it was looked at. One that the
        destination lacks something of counts a disproof.
        """
        is_disproof = proven in (Proven.NOT_COMMITTED, Proven.NOT_FOUND)
        with self._engine.begin() as connection:
            changed = connection.execute(
                sa.update(DELIVERIES)
                .where(
                    _ROW.delivery_id == delivery.delivery_id,
                    _ROW.state == delivery.state,
                    _ROW.disproofs == delivery.disproofs,
                )
                .values(
                    state=state,
                    proven=proven,
                    disproofs=_ROW.disproofs + int(is_disproof),
                    stored=list(delivery.stored if stored is None else stored),
                    last_error=error,
                    not_before=not_before,
                )
            )
        return changed.rowcount == 1

    def remark(self, destination: str, error: str) -> None:
        """Say of everything that a destination has not proven why that is."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(DELIVERIES)
                .where(_ROW.state == DeliveryState.SENT, _ROW.destination == destination)
                .values(last_error=error)
            )

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)
