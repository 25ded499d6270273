"""That there is one node for one data folder, and for one name in a workflow store."""

from dicom_node.configuration.private_folder import make_private
from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.roles import executor_id_of
from dicom_node.persistence.sole import ExecutorLock, FolderLock


class SolePlace:
    """The place of a node among others: taken before anything is touched, and left at the end."""

    def __init__(self, settings: NodeSettings) -> None:
        make_private(settings.data_dir)
        self._folder = FolderLock(settings.data_dir)
        self._name = ExecutorLock(settings.workflow_url, executor_id_of(settings))

    def take(self) -> None:
        """Take the place.

        Raises
        ------
        ConflictError
            When another process has it.
        """
        self._folder.acquire()
        try:
            self._name.acquire()
        except BaseException:
            self.leave()
            raise

    def is_held(self) -> bool:
        """Whether the place is still this node's; a restart of the database may have cost it."""
        return self._name.is_held()

    def leave(self) -> None:
        """Leave the place to others."""
        self._name.release()
        self._folder.release()
