"""What administering needs of the databases: AE titles and people, and no archive."""

from dicom_node.configuration.settings import NodeSettings
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.database import make_engine, migrate, schema_revision
from dicom_node.persistence.users import UserStore


class Administration:
    """The Hotbase's tables of AE titles and people; loads no DICOM library, so it opens soon."""

    def __init__(self, settings: NodeSettings) -> None:
        self._engine = make_engine(settings.hotbase_url)
        self.ae_titles = AeTitleStore(self._engine)
        self.users = UserStore(self._engine)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def bring_up_to_date(self) -> None:
        """Bring the schema up to date, where it is not."""
        current, newest = schema_revision(self._engine)
        if current != newest:
            migrate(self._engine)
