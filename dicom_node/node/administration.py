"""What administering needs of the databases: AE titles and people, and no archive."""

from dicom_node.administration.ae_titles import AeTitles
from dicom_node.administration.people import People
from dicom_node.configuration.passwords import hashed, is_right
from dicom_node.configuration.peer_credentials import Credentials
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.node.clock import utc_now
from dicom_node.node.own_address import own_address
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.audit import AuditStore
from dicom_node.persistence.database import make_engine, migrate, schema_revision
from dicom_node.persistence.machine_tokens import MachineTokenStore
from dicom_node.persistence.users import UserStore


class Administration:
    """The Hotbase's tables of AE titles and people; loads no DICOM library, so it opens soon."""

    def __init__(self, settings: NodeSettings) -> None:
        self._engine = make_engine(settings.hotbase_url)
        self.changes = AuditStore(self._engine)
        self.ae_titles = make_ae_titles(
            settings, AeTitleStore(self._engine), AuditStore(self._engine)
        )
        self.people = make_people(
            UserStore(self._engine),
            MachineTokenStore(self._engine),
            keeps_the_last=False,
            passwords=not settings.openid.only,
        )

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def bring_up_to_date(self) -> None:
        """Bring the schema up to date, where it is not."""
        current, newest = schema_revision(self._engine)
        if current != newest:
            migrate(self._engine)


def make_ae_titles(settings: NodeSettings, store: AeTitleStore, trail: AuditStore) -> AeTitles:
    """Return the administration of AE titles over their table."""
    return AeTitles(
        store,
        own=own_address(settings),
        call=lambda entity: _echo(settings, entity),
        clock=utc_now,
        secrets=Credentials(settings.common_dir),
        trail=trail,
    )


def make_people(
    store: UserStore,
    tokens: MachineTokenStore,
    *,
    keeps_the_last: bool = True,
    passwords: bool = True,
) -> People:
    """Return the administration of people and tokens over their tables."""
    return People(
        store,
        tokens,
        hashed=hashed,
        is_right=is_right,
        clock=utc_now,
        keeps_the_last=keeps_the_last,
        passwords=passwords,
    )


def _echo(settings: NodeSettings, entity: ApplicationEntity) -> float:
    # Only whoever calls a peer waits for the DICOM libraries.
    from dicom_node.network.storage_scu import echo  # noqa: PLC0415
    from dicom_node.node.peers import address_of, looking_timeouts, web_profile_of  # noqa: PLC0415

    if entity.url:
        return web_profile_of(settings, entity).seconds
    return echo(
        address_of(settings, entity),
        calling_ae=settings.network.ae_title,
        timeouts=looking_timeouts(settings),
    )
