"""The hosts that share the work, as ``dicom-node status`` shows them."""

from rich.console import Console
from rich.table import Table

from dicom_node.domain.host import Host
from dicom_node.node.repositories import Repositories


def show_hosts(console: Console, repositories: Repositories) -> None:
    """Say which hosts there are, where there are several, and since when each is silent."""
    hosts = repositories.hosts.all()
    if len(hosts) < 2:
        return
    table = Table("Host", "Does", "Version", "Name in the database", "Standing", box=None)
    for each in hosts:
        sign = each.sign
        standing = _standing(each, repositories.settings.hosts.dead_after)
        table.add_row(sign.name, sign.role.value, sign.version, sign.executor_id, standing)
    console.print(table)


def _standing(host: Host, dead_after: float) -> str:
    if host.silent <= dead_after:
        return host.sign.status
    taken = ", others have its work" if host.is_relieved else ""
    return f"silent since {host.silent:.0f} s{taken}"
