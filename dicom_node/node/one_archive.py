"""That hosts of one database have one archive: a row that names a file is no use without it."""

from collections.abc import Iterable

from dicom_node.archive import layout
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Host
from dicom_node.errors import ConflictError
from dicom_node.node.roles import executor_id_of, shares
from dicom_node.persistence.database import make_engine
from dicom_node.persistence.hosts import HostStore


def require_one_archive(settings: NodeSettings) -> None:
    """Say whether the hosts that are at work on the database use this host's archive.

    Each that shares one has a folder of its own name in it, from before it gives signs of life.

    Raises
    ------
    ConflictError
        Another host is at work, and not in this archive.
    """
    if not shares(settings):
        return
    engine = make_engine(settings.hotbase_url)
    try:
        apart = list(_apart(settings, HostStore(engine).all()))
    finally:
        engine.dispose()
    if apart:
        names = ", ".join(f"{each.sign.name} ({each.sign.executor_id})" for each in apart)
        raise ConflictError(
            f"{names} works on this database, and not in the archive {settings.archive_dir}: "
            "give all hosts the same folder (shared_dir), or this node a database of its own"
        )


def _apart(settings: NodeSettings, hosts: Iterable[Host]) -> Iterable[Host]:
    own = executor_id_of(settings)
    for each in hosts:
        name = each.sign.executor_id
        if name == own or each.silent > settings.hosts.dead_after:
            continue
        folder = settings.archive_dir / layout.INCOMING / name
        if not settings.shared_dir or not folder.is_dir():
            yield each
